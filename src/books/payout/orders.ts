import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import { type Address, fromHex } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { PAYOUT_TOPICS, payoutEndedTopic } from './topics.ts';

type NewPayout = {
  orderId: string;
  tenantId: string;
  ownerKind: 'refund';
  account: string;
  asset: string;
  amount: bigint;
  recipient: Address;
  /** What the withdrawal says of itself. */
  metadata: Record<string, unknown>;
  correlationId: string;
  /** The person that asks for it; null: none, it follows by itself. */
  initiatedBy: string | null;
};

export type PayoutOrder = NewPayout & {
  createdAt: Date;
  /** Null: not made yet. */
  withdrawalId: string | null;
  outcome: 'paid' | 'unpaid' | null;
  failureCode: string | null;
};

export type PayoutEnd = { outcome: 'paid' } | { outcome: 'unpaid'; failureCode: string };

/** Writes orders and hands them over. */
export async function orderPayouts(sql: Sql, orders: readonly NewPayout[]): Promise<void> {
  await sql.query({
    name: 'payout_order',
    text: `INSERT INTO payout_order (order_id, tenant_id, owner_kind, account, asset, amount, recipient, metadata,
        correlation_id, initiated_by)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::bytea[],
        $8::jsonb[], $9::text[], $10::uuid[])`,
    values: [
      orders.map(({ orderId }) => orderId),
      orders.map(({ tenantId }) => tenantId),
      orders.map(({ ownerKind }) => ownerKind),
      orders.map(({ account }) => account),
      orders.map(({ asset }) => asset),
      orders.map(({ amount }) => amount),
      orders.map(({ recipient }) => fromHex(recipient)),
      orders.map(({ metadata }) => JSON.stringify(metadata)),
      orders.map(({ correlationId }) => correlationId),
      orders.map(({ initiatedBy }) => initiatedBy),
    ],
  });
  await enqueue(
    sql,
    orders.map(({ orderId: subjectId, tenantId, correlationId: trace }) => {
      return { topic: PAYOUT_TOPICS.ordered, subjectId, tenantId, trace };
    }),
  );
}

export async function readPayouts(sql: Sql, ids: readonly string[]): Promise<PayoutOrder[]> {
  const { rows } = await sql.query<PayoutOrder>({
    name: 'payout_read',
    types: HEX_BYTES,
    text: `SELECT order_id AS "orderId", tenant_id AS "tenantId", owner_kind AS "ownerKind", account, asset, amount,
        recipient, metadata, correlation_id AS "correlationId", initiated_by AS "initiatedBy", created_at AS "createdAt",
        withdrawal_id AS "withdrawalId", outcome, failure_code AS "failureCode"
      FROM payout_order WHERE order_id = ANY($1::uuid[]) ORDER BY order_id`,
    values: [ids],
  });
  return rows;
}

/** Says which withdrawals pay them. The same again changes nothing. */
export async function notePayouts(
  sql: Sql,
  made: readonly { orderId: string; withdrawalId: string }[],
): Promise<void> {
  if (made.length === 0) return;
  await sql.query({
    name: 'payout_note',
    text: `UPDATE payout_order o SET withdrawal_id = u.withdrawal_id
      FROM unnest($1::uuid[], $2::uuid[]) AS u(order_id, withdrawal_id)
      WHERE o.order_id = u.order_id AND o.withdrawal_id IS NULL`,
    values: [made.map(({ orderId }) => orderId), made.map(({ withdrawalId }) => withdrawalId)],
  });
}

/** Ends orders, each once, and tells their owners. */
export async function endPayouts(
  sql: Sql,
  ended: readonly { order: PayoutOrder; end: PayoutEnd }[],
): Promise<void> {
  if (ended.length === 0) return;
  const { rows } = await sql.query<{ orderId: string }>({
    name: 'payout_end',
    text: `UPDATE payout_order o SET outcome = u.outcome, failure_code = u.failure_code
      FROM unnest($1::uuid[], $2::text[], $3::text[]) AS u(order_id, outcome, failure_code)
      WHERE o.order_id = u.order_id AND o.outcome IS NULL RETURNING o.order_id AS "orderId"`,
    values: [
      ended.map(({ order }) => order.orderId),
      ended.map(({ end }) => end.outcome),
      ended.map(({ end }) => (end.outcome === 'unpaid' ? end.failureCode : null)),
    ],
  });
  const now = new Set(rows.map(({ orderId }) => orderId));
  const told = ended.filter(({ order }) => now.has(order.orderId));
  await enqueue(
    sql,
    told.map(({ order: { orderId: subjectId, tenantId, ownerKind, correlationId: trace } }) => {
      return { topic: payoutEndedTopic(ownerKind), subjectId, tenantId, trace };
    }),
  );
}
