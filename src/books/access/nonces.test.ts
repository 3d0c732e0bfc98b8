import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Clock, systemClock } from '../../base/kernel/index.ts';
import { NonceBook } from './index.ts';

let at: MainDatabase;
let books: [NonceBook, NonceBook];
beforeAll(async () => {
  at = await MainDatabase.start();
  const other = at.pool('payonce_app');
  books = [
    new NonceBook({ sql: at.app, clock: systemClock }),
    new NonceBook({ sql: other, clock: systemClock }),
  ];
});
afterAll(() => at.stop());

const seconds = () => Math.floor(Date.now() / 1000);
const claim = (
  nonce: string,
  more: { created?: number; expires?: number; keyId?: string } = {},
) => ({
  ...{ keyId: 'k', nonce, created: seconds(), expires: null },
  ...more,
});

it('each nonce of a key is taken once, whatever process it comes to', async () => {
  expect(await books[0].take(claim('a'))).toBe('taken');
  expect(await books[0].take(claim('a'))).toBe('reused');
  expect(await books[1].take(claim('a'))).toBe('reused');
  expect(await books[1].take(claim('a', { keyId: 'other' }))).toBe('taken');
  const race = Array.from({ length: 400 }, (_, n) => books[n % 2]!.take(claim(`r${n % 100}`)));
  const verdicts = await Promise.all(race);
  expect(verdicts.filter((verdict) => verdict === 'taken')).toHaveLength(100);
  expect(verdicts.filter((verdict) => verdict === 'reused')).toHaveLength(300);
});

it.each([
  ['six minutes old', { created: seconds() - 360 }],
  ['six minutes ahead', { created: seconds() + 360 }],
  ['expired', { expires: seconds() - 1 }],
])('what is %s is stale, and its nonce stays free', async (what, more) => {
  expect(await books[0].take(claim(what, more))).toBe('stale');
  expect(await books[0].take(claim(what))).toBe('taken');
});

it('what is four minutes off is fresh', async () => {
  expect(await books[0].take(claim('slow', { created: seconds() - 240 }))).toBe('taken');
  expect(await books[0].take(claim('fast', { created: seconds() + 240 }))).toBe('taken');
  expect(await books[0].take(claim('later', { expires: seconds() + 60 }))).toBe('taken');
});

it('nonces are forgotten once their signatures have long been too old', async () => {
  await at.owner.query(
    `INSERT INTO signature_nonce SELECT gen_random_uuid(), now() - a * interval '1 second' FROM unnest(ARRAY[901, 890]) a`,
  );
  const old = () =>
    at.rows(`SELECT 1 FROM signature_nonce WHERE created < now() - interval '880 seconds'`);
  expect(await old()).toHaveLength(2);
  const fresh = new NonceBook({ sql: at.app, clock: systemClock });
  await fresh.take(claim('sweep'));
  await fresh.take(claim('after it'));
  expect(await old()).toHaveLength(1);
});

it('a database that does not answer takes nothing and says so to all who wait', async () => {
  const sql = { query: () => Promise.reject(new Error('Connection terminated')) } as never;
  const book = new NonceBook({ sql, clock: systemClock as Clock });
  const all = await Promise.allSettled(['x', 'y', 'z'].map((nonce) => book.take(claim(nonce))));
  expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});
