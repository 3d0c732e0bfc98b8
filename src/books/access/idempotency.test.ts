import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { keyHash } from '../../base/kernel/index.ts';
import { checkIdempotencyKey, idempotencyHash, readKeys, takeKeys } from './index.ts';

let at: MainDatabase;
let other: Db;
beforeAll(async () => {
  at = await MainDatabase.start();
  other = at.pool('payonce_app');
});
afterAll(() => at.stop());

const item = (key: string, content = 'content') => ({
  keyHash: idempotencyHash(at.tenantId, 'withdrawal', key),
  contentHash: keyHash(content),
});

describe('idempotency keys', () => {
  it('are taken once; equal content is a replay of the first resource, other content a conflict', async () => {
    const [a, b] = [item('a'), item('b')];
    const first = await inTransaction(at.app, (sql) => takeKeys(sql, [a, b]));
    expect([...first.values()].map((taken) => taken.outcome)).toEqual(['taken', 'taken']);
    const again = await inTransaction(other, (sql) => takeKeys(sql, [item('a', 'other'), b]));
    expect(again.get(a.keyHash)).toEqual({
      resourceId: first.get(a.keyHash)!.resourceId,
      outcome: 'conflict',
    });
    expect(again.get(b.keyHash)).toEqual({
      resourceId: first.get(b.keyHash)!.resourceId,
      outcome: 'replay',
    });
    expect(await readKeys(at.app, [])).toEqual(new Map());
  });

  it('lost to a transaction that commits while this one waits are read as what the winner wrote', async () => {
    const wanted = item('contested');
    const winner = await at.app.connect();
    await winner.query('BEGIN');
    const won = (await takeKeys(winner, [wanted])).get(wanted.keyHash)!;
    const losing = inTransaction(other, (sql) => takeKeys(sql, [wanted]));
    await blocked();
    await winner.query('COMMIT');
    winner.release();
    expect((await losing).get(wanted.keyHash)).toEqual({
      resourceId: won.resourceId,
      outcome: 'replay',
    });
  });

  it('whose first taker is undone are free for the next', async () => {
    const wanted = item('undone');
    const first = await at.app.connect();
    await first.query('BEGIN');
    await takeKeys(first, [wanted]);
    const waiting = inTransaction(other, (sql) => takeKeys(sql, [wanted]));
    await blocked();
    await first.query('ROLLBACK');
    first.release();
    expect((await waiting).get(wanted.keyHash)!.outcome).toBe('taken');
  });

  it('taken by two processes in opposite order never deadlock, and each has one winner', async () => {
    for (let round = 0; round < 40; round += 1) {
      const keys = Array.from({ length: 60 }, (_, n) => item(`r${round}-${n}`));
      // Both hold an open transaction before either begins to take.
      const clients = await Promise.all([at.app.connect(), other.connect()]);
      await Promise.all(clients.map((client) => client.query('BEGIN')));
      const results = await Promise.all(
        clients.map(async (client, index) => {
          const taken = await takeKeys(client, index === 0 ? keys : keys.toReversed());
          await client.query('COMMIT');
          client.release();
          return taken;
        }),
      );
      for (const { keyHash: hash } of keys) {
        const [one, two] = results.map((taken) => taken.get(hash)!);
        expect([one!.outcome, two!.outcome].sort()).toEqual(['replay', 'taken']);
        expect(one!.resourceId).toBe(two!.resourceId);
      }
    }
  });

  it('differ by tenant, operation and key', () => {
    const hashes = [
      idempotencyHash('t1', 'withdrawal', 'k'),
      idempotencyHash('t2', 'withdrawal', 'k'),
      idempotencyHash('t1', 'deposit', 'k'),
      idempotencyHash('t1', 'withdrawal', 'K'),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it.each([
    ['', 'idempotency_key_required'],
    ['a b', 'idempotency_key_invalid'],
    ['é', 'idempotency_key_invalid'],
    ['a\n', 'idempotency_key_invalid'],
    ['k'.repeat(256), 'idempotency_key_invalid'],
    ['k'.repeat(255), null],
    ['!~', null],
  ])('%j is judged %s', (key, code) => {
    expect(checkIdempotencyKey(key)?.code ?? null).toBe(code);
  });
});

/** Resolves when a session of this database waits for a lock. */
async function blocked(): Promise<void> {
  for (;;) {
    const rows = await at.rows(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}
