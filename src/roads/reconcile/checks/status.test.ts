import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { checkStatus, FROM_THE_START } from './status.ts';

const STUCK_MS = 60_000;
let database: MainDatabase;
beforeAll(async () => {
  database = await MainDatabase.start();
});
afterAll(() => database?.stop());

/** Past the triggers, which judge what a program does. */
const put = async (status: string, hoursAgo: number): Promise<string> => {
  await database.owner.query(`ALTER TABLE withdrawal DISABLE TRIGGER ALL`);
  const [row] = await database.rows<{ id: string }>(
    `INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status, created_at, updated_at)
     SELECT payonce_uuid_at(at), $1, 'alice', 'USDC', 1, 0, decode(repeat('5a', 20), 'hex'), $2, 'c', $3, at, at
     FROM (SELECT now() - $4 * interval '1 hour' AS at) t RETURNING withdrawal_id AS id`,
    [database.tenantId, `${status}-${hoursAgo}`, status, hoursAgo],
  );
  return row!.id;
};

it('looks from the lowest open withdrawal of two days on, and past what has ended', async () => {
  await put('EXECUTING', 72);
  await put('COMPLETED', 30);
  const older = await put('RESERVED', 20);
  await put('COMPLETED', 10);
  const newer = await put('EXECUTING', 5);
  const open = { ...FROM_THE_START };
  const standing = async () =>
    (await checkStatus(database.app, STUCK_MS, open)).map(({ kind, subject }) => [kind, subject]);
  const of = (id: string) => ['check.reserve_stands', id];
  expect(await standing()).toEqual([of(older), of(newer)]);
  expect(open.id).toBe(older);
  expect(await standing()).toEqual([of(older), of(newer)]);

  const end = (id: string) =>
    database.rows(`UPDATE withdrawal SET status = 'COMPLETED' WHERE withdrawal_id = $1`, [id]);
  await end(older);
  expect(await standing()).toEqual([of(newer)]);
  expect(open.id).toBe(newer);
  await end(newer);
  expect(await standing()).toEqual([]);
  // What commits late is not missed: two minutes behind the clock.
  expect(open.id > newer).toBe(true);
  const fresh = await put('RESERVED', 0.02);
  expect(fresh > open.id).toBe(true);
  expect(await standing()).toEqual([of(fresh)]);
});
