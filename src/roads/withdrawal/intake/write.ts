import { arrayLiteral, type Sql } from '../../../base/db/index.ts';
import { fromHex, type Refusal } from '../../../base/kernel/index.ts';
import { reserveCtes } from '../../../books/ledger/index.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import type { WithdrawalOrder } from './request.ts';

/** accountNo: of `available`; null where the account does not have the asset. */
export type Fresh = { order: WithdrawalOrder; id: string; accountNo: bigint | null };

/** The columns of a flush, written out before the accounts are locked: others wait for those locks. */
type FlushColumns = readonly (string | null)[];

export function flushColumns(fresh: readonly Fresh[]): FlushColumns {
  const orders = fresh.map((item) => item.order);
  const assets = distinct(orders, (order) => order.asset.caip19);
  const tenants = distinct(orders, (order) => order.tenantId);
  return [
    arrayLiteral(fresh.map((item) => item.id)),
    arrayLiteral(tenants.indexes),
    arrayLiteral(tenants.values),
    arrayLiteral(orders.map((order) => order.account)),
    arrayLiteral(assets.indexes),
    arrayLiteral(assets.values),
    arrayLiteral(orders.map((order) => order.amount)),
    arrayLiteral(orders.map((order) => order.asset.fee)),
    arrayLiteral(orders.map((order) => fromHex(order.recipient))),
    arrayLiteral(orders.map((order) => order.idempotencyKey)),
    arrayLiteral(orders.map((order) => order.correlationId)),
    arrayLiteral(orders.map((order) => order.tier?.name ?? null)),
    arrayLiteral(fresh.map((item) => item.accountNo)),
    sparse(orders.map((order) => order.externalId)),
    sparse(
      orders.map((order) => (order.metadata === null ? null : JSON.stringify(order.metadata))),
    ),
    sparse(orders.map((order) => (order.expiresAt === null ? null : new Date(order.expiresAt)))),
    sparse(orders.map((order) => order.initiatedBy)),
  ];
}

/** A column that is mostly absent: null where it is absent throughout, which unnest pads with nulls. */
function sparse(values: readonly unknown[]): string | null {
  return values.every((value) => value === null) ? null : arrayLiteral(values);
}

/** Few distinct values are sent once, and per row their place (from 1). */
function distinct(
  orders: readonly WithdrawalOrder[],
  read: (order: WithdrawalOrder) => string,
): { values: string[]; indexes: number[] } {
  const places = new Map<string, number>();
  const indexes = orders.map((order) => {
    const value = read(order);
    const place = places.get(value) ?? places.size + 1;
    places.set(value, place);
    return place;
  });
  return { values: [...places.keys()], indexes };
}

/**
 * Writes withdrawals, the reserves of those that are not refused, events and jobs: one statement, so that a
 * flush's locks are held for one round trip and the COMMIT. Refusals are in the order of the
 * columns. Returns the time of creation.
 */
export async function writeFlush(
  sql: Sql,
  columns: FlushColumns,
  refusals: readonly (Refusal | null)[],
): Promise<Date> {
  const { rows } = await sql.query<{ created_at: Date }>({
    name: 'withdrawal_flush',
    text: WRITE,
    values: [
      ...columns,
      sparse(refusals.map((refusal) => refusal?.code ?? null)),
      sparse(refusals.map((refusal) => refusal?.detail ?? null)),
      sparse(
        refusals.map((refusal) =>
          refusal?.members === undefined ? null : JSON.stringify(refusal.members),
        ),
      ),
    ],
  });
  return rows[0]!.created_at;
}

const WRITE = `
  WITH w AS MATERIALIZED (
    SELECT u.*, ($3::uuid[])[tenant_place] AS tenant_id,
      ($6::text[])[asset_place] AS asset, amount + fee AS total
    FROM unnest($1::uuid[], $2::int[], $4::text[], $5::int[], $7::numeric[], $8::numeric[], $9::bytea[],
      $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::jsonb[],
      $16::timestamptz[], $17::uuid[], $18::text[], $19::text[], $20::jsonb[])
      AS u(withdrawal_id, tenant_place, account, asset_place, amount, fee, recipient, idempotency_key, correlation_id,
        risk_tier, account_no, external_id, metadata, expires_at, initiated_by, failure_code, failure_message,
        failure_members)
  ), accepted AS (
    SELECT * FROM w WHERE failure_code IS NULL
  ), made AS (
    INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
      external_id, metadata, correlation_id, expires_at, initiated_by, status, risk_tier, failure_code, failure_message,
      failure_members)
    SELECT withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key, external_id, metadata,
      correlation_id, expires_at, initiated_by, CASE WHEN failure_code IS NULL THEN 'RESERVED' ELSE 'REJECTED' END, risk_tier,
      failure_code, failure_message, failure_members FROM w
  ), logged AS (
    INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
    SELECT tenant_id, 'withdrawal', CASE WHEN failure_code IS NULL THEN 'RESERVED' ELSE 'REJECTED' END AS status,
      count(*), array_agg(withdrawal_id), array_agg(correlation_id)
    FROM w GROUP BY tenant_id, status
  ), ${reserveCtes('accepted')}, jobs AS (
    INSERT INTO job (topic, subject_id, tenant_id, run_at, trace)
    SELECT '${WITHDRAWAL_TOPICS.requested}', withdrawal_id, tenant_id, now(), correlation_id FROM accepted
    UNION ALL
    SELECT '${WITHDRAWAL_TOPICS.expire}', withdrawal_id, tenant_id, expires_at, correlation_id
    FROM accepted WHERE expires_at IS NOT NULL
  )
  SELECT now() AS created_at, pg_notify('payonce_job', '${WITHDRAWAL_TOPICS.requested}')`;
