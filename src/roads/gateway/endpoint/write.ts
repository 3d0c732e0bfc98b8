import type { Sql } from '../../../base/db/index.ts';
import { fromHex } from '../../../base/kernel/index.ts';
import type { NewEndpoint } from './rows.ts';

type Key = Pick<NewEndpoint, 'merchantId' | 'method' | 'path'>;

/** As text: a Date would lose the microseconds by which one price ends where the next begins. */
type Times = { now: string; later: string };

/**
 * Prices of a merchant change one after the other, each by one clock, the database's, read after its turn has come; until
 * the transaction ends.
 */
export async function lockPrices(
  sql: Sql,
  { merchantId, delayMs }: { merchantId: string; delayMs: number },
): Promise<Times> {
  await sql.query('SELECT 1 FROM merchant WHERE merchant_id = $1 FOR NO KEY UPDATE', [merchantId]);
  const { rows } = await sql.query<Times>(
    `SELECT t::text AS now, (t + $1 * interval '1 millisecond')::text AS later FROM clock_timestamp() t`,
    [delayMs],
  );
  return rows[0]!;
}

/** What waits on a path never is in force. */
export async function stopWaiting(sql: Sql, key: Key, now: string): Promise<void> {
  await sql.query(
    `UPDATE priced_endpoint SET removed_at = effective_at
     WHERE merchant_id = $1 AND method = $2 AND path = $3 AND effective_at > $4::timestamptz AND removed_at IS NULL`,
    [key.merchantId, key.method, key.path, now],
  );
}

/** What is in force on a path is so until then; null: until it is told otherwise. Nothing waits there. */
export async function setEnd(
  sql: Sql,
  key: Key,
  { now, until }: { now: string; until: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE priced_endpoint SET removed_at = $5::timestamptz
     WHERE merchant_id = $1 AND method = $2 AND path = $3 AND effective_at <= $4::timestamptz
       AND (removed_at IS NULL OR removed_at > $4::timestamptz)`,
    [key.merchantId, key.method, key.path, now, until],
  );
}

/** The id by which the endpoint is known. What was in force on the path ends at the same time at the latest. */
export async function insertPrice(
  sql: Sql,
  wanted: NewEndpoint,
  effectiveAt: string,
): Promise<string> {
  const { rows } = await sql.query<{ id: string }>(
    `INSERT INTO priced_endpoint (tenant_id, merchant_id, method, path, asset, price, pay_to, upstream, on_failure,
       timeout_ms, max_response_bytes, description, transfer_method, effective_at, first_id, usage_header, unit_price, unit_size, without_usage)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::timestamptz,
       (SELECT coalesce(first_id, endpoint_id) FROM priced_endpoint
        WHERE merchant_id = $2 AND method = $3 AND path = $4 LIMIT 1), $15, $16, $17, $18)
     RETURNING coalesce(first_id, endpoint_id) AS id`,
    [
      wanted.tenantId,
      wanted.merchantId,
      wanted.method,
      wanted.path,
      wanted.asset,
      wanted.price,
      fromHex(wanted.payTo),
      wanted.upstream,
      wanted.onFailure,
      wanted.timeoutMs,
      wanted.maxResponseBytes,
      wanted.description,
      wanted.transferMethod,
      effectiveAt,
      wanted.usage?.header ?? null,
      wanted.usage?.unitPrice ?? null,
      wanted.usage?.unitSize ?? null,
      wanted.usage?.without ?? null,
    ],
  );
  return rows[0]!.id;
}
