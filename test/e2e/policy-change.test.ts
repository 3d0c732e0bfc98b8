import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, Installation, type TestKey } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

let on: Installation;
let persons: TestKey[];
beforeAll(async () => {
  on = await Installation.start({
    blockTime: 0.1,
    settings: (settings) => ({ ...settings, policy: { looseningDelayMs: 0 } }),
  });
  const scopes = ['admin:freeze', 'admin:policy', 'admin:address-book'];
  persons = [await on.addKey({ scopes }), await on.addKey({ scopes })];
  await on.deposit('alice', 'USDC', '1000');
});
afterAll(() => on?.stop());

const say = (person: number, method: string, path: string, body?: object) =>
  on.call(method, path, body, { authorization: `Bearer ${persons[person]!.key}` });
const document = (cap: string, more = '') => `version: 1
rules:
  - { id: all, type: allow }
  - { id: cap, type: cap, match: { assets: [USDC] }, amount: "${cap}" }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: any, commitAt: safe }] }
${more}`;
/** By two persons; what they are told in the end. */
const change = async (text: string): Promise<Answer> => {
  const drafted = await say(0, 'POST', '/v1/policies', { document: text, reason: 'audit' });
  expect(drafted.status).toBe(201);
  const path = `/v1/policies/${drafted.body['id']}`;
  await say(0, 'POST', `${path}/propose`);
  return say(1, 'POST', `${path}/confirm`);
};
const rules = async () =>
  (await on.rows<{ version: string }>('SELECT version FROM policy_effective'))[0]!.version;
const ruling = (version: unknown) => until('it rules', async () => (await rules()) === version);
const withdraw = async (amount: string, to: string) =>
  (await on.withdraw({ account: 'alice', asset: 'USDC', amount, to })).body['id'] as string;
const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;

it('what tightens holds at once, also for what was decided before and has no nonce', async () => {
  const first = await change(document('100'));
  expect(first.body).toMatchObject({ status: 'SCHEDULED', effect: 'loosening' });
  await ruling(first.body['version']);
  const paid = await withdraw('90', recipient(1));
  expect(await on.waitFor(paid)).toMatchObject({ status: 'COMPLETED' });

  const [lane] = await on.rows<{ lane_id: number }>('SELECT lane_id FROM lane');
  const freeze = { scope: 'wallet', subject: String(lane!.lane_id), reason: 'a leak' };
  const frozen = `/v1/freeze/${(await say(0, 'POST', '/v1/freeze', freeze)).body['id']}`;
  const stale = await withdraw('90', recipient(2));
  await until('opened', async () => (await on.rows('SELECT 1 FROM tx')).length === 2);
  const second = await change(document('50'));
  expect(second.body).toMatchObject({ status: 'EFFECTIVE', effect: 'tightening' });
  const denied = await withdraw('90', recipient(3));
  expect(await on.waitFor(denied)).toMatchObject({
    ...{ status: 'REJECTED', failure: { code: 'policy_denied' } },
  });
  for (const person of [0, 1]) await say(person, 'DELETE', frozen, { reason: 'mended' });
  expect(await on.waitFor(stale)).toMatchObject({
    ...{ status: 'FAILED', txHash: null, nonceKey: null },
    failure: { code: 'policy_denied', message: 'cap: at most 50000000' },
  });
  const { body } = await on.call('GET', '/v1/accounts/alice/balances');
  expect(body['balances']).toMatchObject([{ reserved: '0' }]);
});

it('a rule of the address book pays who is known for long enough, and nobody else', async () => {
  const book = '  - { id: book, type: address_book, match: { assets: [USDC] }, coolDown: 1h }\n';
  const third = await change(document('50', book));
  expect(third.body).toMatchObject({ status: 'EFFECTIVE', effect: 'tightening' });
  const [to, stranger] = [recipient(4), recipient(5)];
  const unknown = await withdraw('1', stranger);
  expect(await on.waitFor(unknown)).toMatchObject({
    ...{
      status: 'REJECTED',
      failure: { message: expect.stringMatching(/not in the address book/) },
    },
  });
  const entry = { address: to, account: 'alice', label: 'cold', reason: 'ticket 7' };
  expect((await say(0, 'POST', '/v1/address-book', entry)).status).toBe(201);
  const early = await withdraw('1', to);
  expect(await on.waitFor(early)).toMatchObject({
    ...{ status: 'REJECTED', failure: { message: expect.stringMatching(/open from/) } },
  });
  await on.rows(`UPDATE address_book_entry SET added_at = added_at - interval '61 minutes'`);
  expect(await on.waitFor(await withdraw('1', to))).toMatchObject({ status: 'COMPLETED' });
  await quiet(on);
  await expectLaws(on);
  expect((await view(early))['status']).toBe('REJECTED');
});
