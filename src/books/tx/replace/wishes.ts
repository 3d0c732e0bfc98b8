import type { Sql } from '../../../base/db/index.ts';
import { WAKE_REPLACE } from '../topics.ts';

/** Notes a client's wish that a transaction bid more, in the caller's transaction, and wakes who orders it. */
export async function insertWish(
  sql: Sql,
  wish: { speedUpId: string; txId: string; maxFeePerGas: bigint | null; correlationId: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO speed_up (speed_up_id, tx_id, max_fee_per_gas, correlation_id) VALUES ($1, $2, $3, $4)`,
    [wish.speedUpId, wish.txId, wish.maxFeePerGas, wish.correlationId],
  );
  await sql.query(`SELECT pg_notify('${WAKE_REPLACE}', '')`);
}

/** Ends wishes that came too late: nothing is ordered for them. */
export async function dropWishes(sql: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.query(
    'UPDATE speed_up SET done_at = now() WHERE speed_up_id = ANY($1::uuid[]) AND done_at IS NULL',
    [ids],
  );
}
