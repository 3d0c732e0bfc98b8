import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseCopy } from '../../../../test/support/database-copy.ts';
import type { Db } from '../../../base/db/index.ts';
import {
  type Hex,
  type Log,
  type LogFields,
  systemClock,
  Transient,
  toHex,
} from '../../../base/kernel/index.ts';
import {
  FileWitness,
  type SignerContext,
  signBatch,
  takeOverBatch,
  type Witness,
} from '../index.ts';
import { type Installation, startInstallation } from '../installation.fixture.ts';
import { NO_WATERMARK } from '../orders.ts';
import { signClaimed } from '../step.ts';
import { nextSeal, type Seal } from './chain.ts';

let home: Installation;
let logged: { fields: LogFields; message: string }[];
let log: Log;
beforeEach(async () => {
  home = await startInstallation();
  logged = [];
  const ignore = () => {};
  log = {
    debug: ignore,
    info: (fields, message) => logged.push({ fields, message }),
    warn: ignore,
    error: (fields, message) => logged.push({ fields, message }),
  };
});
afterEach(() => home.stop());

const takeOver = (signer: SignerContext) =>
  takeOverBatch(signer, { limit: 500, olderThanMs: 0, watermark: { floor: NO_WATERMARK } });

/** A whole batch of one order. */
async function paid(signer: SignerContext, key: string, nonce: number): Promise<string> {
  const { requestId } = await home.order({ key, nonce });
  expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
  return requestId;
}

const freezes = async (): Promise<string[]> =>
  (
    await home.owner.query(
      `SELECT code FROM signing_freeze WHERE freeze_id NOT IN (SELECT freeze_id FROM signing_freeze_lift)`,
    )
  ).rows.map((row) => row.code);

const seal = async (): Promise<{ height: string; hash: Hex }> => {
  const { rows } = await home.owner.query('SELECT height, hash FROM journal_seal');
  return { height: rows[0].height, hash: toHex(rows[0].hash) };
};

/** A pool that can not be reached while `away` says so. */
function breakable(pool: Db, away: () => boolean): Db {
  return new Proxy(pool, {
    get(target, property) {
      if (property === 'connect' && away()) {
        return () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
      }
      const value = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('the chain', () => {
  it('has a batch for each that was journaled, which can be computed again, and seals main and witness', async () => {
    const signer = home.signer('one');
    for (let n = 0; n < 3; n += 1) await home.order({ key: `k${n}`, nonce: n });
    await signBatch(signer, 2);
    await signBatch(signer, 2);
    const batches = await home.journalRows(
      'SELECT *, height::int AS h FROM journal_batch ORDER BY height',
    );
    expect(batches.map(({ h, entries }) => [h, entries])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    const [head] = await home.journalRows('SELECT height::int AS h, hash FROM journal_head');
    expect(head).toEqual({ h: 2, hash: batches[1]!['hash'] });
    for (const batch of batches) {
      const entries = await home.journalRows(
        `SELECT signature_request_id, intent_id, fingerprint FROM journal WHERE batch = ${batch['h']}`,
      );
      const again = nextSeal(
        {
          height: BigInt(batch['h'] as number) - 1n,
          hash: toHex(batch['previous_hash'] as Buffer),
        },
        {
          seal: {
            height: BigInt(batch['main_height'] as string),
            hash: toHex(batch['main_hash'] as Buffer),
          },
          position: BigInt(batch['main_position'] as string),
          eventId: batch['main_event_id'] as string | null,
        },
        entries.map((row) => ({
          requestId: row['signature_request_id'] as string,
          intentId: toHex(row['intent_id'] as Buffer),
          fingerprint: row['fingerprint'] as Buffer,
        })),
      );
      expect(again.hash).toBe(toHex(batch['hash'] as Buffer));
    }
    const sealed = { height: 2n, hash: toHex(head!['hash'] as Buffer) };
    expect(await home.witness.read()).toEqual(sealed);
    expect(await seal()).toEqual({ ...sealed, height: '2' });
  });

  it('is one without gaps for several signers at once', async () => {
    for (let n = 0; n < 40; n += 1) await home.order({ key: `k${n}`, nonce: n });
    const signers = ['one', 'two', 'three'].map((name) => home.signer(name));
    const drain = async (signer: SignerContext) => {
      while ((await signBatch(signer, 4)).claimed > 0);
    };
    await Promise.all(signers.map(drain));
    const batches = await home.journalRows(
      `SELECT height::int AS h, lag(hash) OVER (ORDER BY height) = previous_hash AS follows
       FROM journal_batch ORDER BY height`,
    );
    expect(batches.map(({ h }) => h)).toEqual(batches.map((_, n) => n + 1));
    expect(batches.slice(1).every(({ follows }) => follows === true)).toBe(true);
    expect(await home.journalRows('SELECT 1 FROM journal WHERE batch IS NULL')).toEqual([]);
    expect((await home.witness.read())!.height).toBe(BigInt(batches.length));
    expect(await freezes()).toEqual([]);
  });
});

describe('a crash', () => {
  const bytes = async () =>
    (await home.journalRows('SELECT unsigned FROM journal')).map((row) =>
      (row['unsigned'] as Buffer).toString('hex'),
    );

  it('between journal and witness: nothing was signed, the next signer brings the witness up and signs the same', async () => {
    await paid(home.signer('zero'), 'z', 0);
    const { requestId } = await home.order({ key: 'a', nonce: 1 });
    const dying: Witness = {
      where: 'w',
      read: () => home.witness.read(),
      write: () => Promise.reject(new Transient('dies here')),
    };
    const first = await signBatch(home.signer('one', { witness: dying }), 500);
    expect(first).toMatchObject({ claimed: 1, signed: 0, unfinished: [requestId] });
    expect(await home.journalRows('SELECT 1 FROM journal WHERE signed IS NOT NULL')).toHaveLength(
      1,
    );
    expect((await home.witness.read())!.height).toBe(1n);
    const before = await bytes();
    const next = home.signer('two');
    expect(await takeOver(next)).toMatchObject({ claimed: 1, signed: 1 });
    expect(await bytes()).toEqual(before);
    expect((await home.witness.read())!.height).toBe(2n);
    expect(await freezes()).toEqual([]);
  });

  it('between the first batch and the first witness of it is no lost witness', async () => {
    await home.order({ key: 'a', nonce: 0 });
    const dying: Witness = {
      where: 'w',
      read: () => home.witness.read(),
      write: (one) =>
        one.height === 0n ? home.witness.write(one) : Promise.reject(new Transient('dies here')),
    };
    await signBatch(home.signer('one', { witness: dying }), 500);
    expect(await takeOver(home.signer('two'))).toMatchObject({ claimed: 1, signed: 1 });
  });

  it('between witness and signing: the same bytes are signed', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const { address } = home.signer('x').keystore;
    const sign = () => Promise.reject(new Transient('dies here'));
    await signBatch(home.signer('one', { keystore: { address, sign } }), 500);
    const before = await bytes();
    expect((await home.witness.read())!.height).toBe(1n);
    expect(await takeOver(home.signer('two'))).toMatchObject({ claimed: 1, signed: 1 });
    expect(await bytes()).toEqual(before);
    expect((await home.signature(requestId))!.refusal).toBeNull();
    expect(await home.journalRows('SELECT 1 FROM journal_batch')).toHaveLength(1);
  });

  it('between signing and the main database: what the journal holds is handed over, and sealed', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const alive = home.signer('two');
    let away = false;
    const one = home.signer('one', {
      main: breakable(alive.main, () => away),
      keystore: {
        address: alive.keystore.address,
        sign: (keyId, digest) => {
          away = true;
          return alive.keystore.sign(keyId, digest);
        },
      },
    });
    expect(await signBatch(one, 500)).toMatchObject({ unfinished: [requestId] });
    expect(await home.signature(requestId)).toBeNull();
    const [entry] = await home.journalRows('SELECT signed FROM journal');
    expect(await takeOver(alive)).toMatchObject({ claimed: 1, signed: 1 });
    expect((await home.signature(requestId))!.raw).toBe(toHex(entry!['signed'] as Buffer));
    expect((await seal()).height).toBe('1');
    expect(await freezes()).toEqual([]);
  });
});

describe('frozen', () => {
  let copies: DatabaseCopy[];
  beforeEach(() => {
    copies = [];
  });
  afterEach(async () => {
    for (const copy of copies) await copy.drop();
  });
  const journalCopy = async () => {
    const copy = await DatabaseCopy.of(home.databases, home.databases.signerUrl);
    copies.push(copy);
    return copy;
  };

  it('by a journal that was put back: nothing is claimed until the newest is back', async () => {
    const signer = home.signer('one', { log });
    await paid(signer, 'a', 0);
    const copy = await journalCopy();
    await paid(home.signer('two'), 'b', 1);
    await copy.swap();
    const { requestId } = await home.order({ key: 'c', nonce: 2 });
    const fresh = home.signer('three', { log });
    for (let n = 0; n < 3; n += 1) {
      expect(await signBatch(fresh, 500)).toMatchObject({ claimed: 0 });
      expect(await takeOver(fresh)).toMatchObject({ claimed: 0 });
    }
    expect(await home.claimedBy(requestId)).toBeNull();
    expect(await freezes()).toEqual(['journal_behind']);
    expect(logged.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^signing is frozen: the main database was sealed with batch 2 .*stands at 1/,
      ),
    ]);
    await copy.swap();
    expect(await signBatch(fresh, 500)).toMatchObject({ claimed: 1, signed: 1 });
    expect(await freezes()).toEqual([]);
    expect(logged.at(-1)!.message).toContain('signing goes on');
  });

  it('by a journal that was put back under a batch: its claims are kept, and answered afterwards', async () => {
    // Time stands still, so that it looked less than a second ago.
    const signer = home.signer('one', { log, clock: { ...systemClock, monotonic: () => 0 } });
    await paid(signer, 'a', 0);
    const copy = await journalCopy();
    await paid(signer, 'b', 1);
    const { requestId } = await home.order({ key: 'c', nonce: 2 });
    await copy.swap();
    // Under the chain's own lock it is found.
    expect(await signBatch(signer, 500)).toMatchObject({ signed: 0, unfinished: [requestId] });
    expect(await freezes()).toEqual(['journal_behind']);
    expect(await signClaimed(signer, [requestId])).toMatchObject({ unfinished: [requestId] });
    expect(await home.journalRows('SELECT 1 FROM journal')).toHaveLength(1);
    await copy.swap();
    expect(await signClaimed(signer, [requestId])).toMatchObject({ signed: 1, unfinished: [] });
  });

  it('by a witness that is gone, until it is back', async () => {
    await paid(home.signer('one'), 'a', 0);
    const seen = (await home.witness.read())!;
    rmSync(home.witness.where);
    await home.order({ key: 'b', nonce: 1 });
    const signer = home.signer('two', { log });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    expect(await freezes()).toEqual(['witness_missing']);
    await new FileWitness(home.witness.where).write(seen);
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
    expect(await freezes()).toEqual([]);
  });

  it('by both databases put back together: the witness knows', async () => {
    const witness = home.witness;
    await paid(home.signer('one'), 'a', 0);
    const ahead: Seal = { height: 2n, hash: `0x${'ab'.repeat(32)}` };
    await witness.write(ahead);
    await home.order({ key: 'b', nonce: 1 });
    expect(await signBatch(home.signer('two', { log }), 500)).toMatchObject({ claimed: 0 });
    expect(await freezes()).toEqual(['both_behind']);
  });

  it('by a journal of another installation', async () => {
    await paid(home.signer('one'), 'a', 0);
    const other = await startInstallation();
    await other.owner.query('UPDATE installation SET installation_id = gen_random_uuid()');
    const { requestId } = await other.order({ key: 'a', nonce: 0 });
    const journalUrl = home.databases.signerUrl;
    const signer = other.signer('two', { journalUrl, witness: home.witness, log });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    expect(await other.claimedBy(requestId)).toBeNull();
    expect(logged[0]!.fields).toMatchObject({ code: 'signing_frozen', reason: 'journal_foreign' });
    await other.stop();
  });

  it('by a main database that has forgotten the newest batch’s claim, which nothing else tells', async () => {
    const signer = home.signer('one', { log });
    await paid(signer, 'a', 0);
    await home.owner.query('UPDATE signature_request SET claimed_by = NULL, claimed_at = NULL');
    const { requestId } = await home.order({ key: 'b', nonce: 1 });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    expect(await home.claimedBy(requestId)).toBeNull();
    expect(await freezes()).toEqual(['main_behind']);
  });

  it('by a main database that has another event where one was seen', async () => {
    const put = (batch: string) =>
      home.owner.query(
        `INSERT INTO event_order (position, batch_id, size, xid) VALUES (7, $1, 1, pg_current_xact_id())`,
        [batch],
      );
    await put('00000000-0000-7000-8000-000000000001');
    await paid(home.signer('one'), 'a', 0);
    await home.order({ key: 'b', nonce: 1 });
    await home.owner.query('DELETE FROM event_order');
    await put('00000000-0000-7000-8000-000000000002');
    expect(await signBatch(home.signer('two'), 500)).toMatchObject({ claimed: 0 });
    expect(await freezes()).toEqual(['main_behind']);
  });

  it('by a main database whose seal went back, and by none that can not be reached', async () => {
    const signer = home.signer('one');
    await paid(signer, 'a', 0);
    await paid(signer, 'b', 1);
    let away = true;
    const cut = home.signer('two', { main: breakable(signer.main, () => away), log });
    await expect(signBatch(cut, 500)).rejects.toThrow('gone');
    away = false;
    expect(await signBatch(cut, 500)).toMatchObject({ claimed: 0 });
    expect(logged).toEqual([]);
    await home.owner.query('ALTER TABLE journal_seal DISABLE TRIGGER USER');
    await home.owner.query(`UPDATE journal_seal SET height = 0, hash = '\\x${'00'.repeat(32)}'`);
    expect(await signBatch(home.signer('three'), 500)).toMatchObject({ claimed: 0 });
    expect(await freezes()).toEqual(['main_behind']);
  });
});
