import type { AssetSettings } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { formatAmount } from '../../../base/kernel/index.ts';

/** A refund as its merchant sees it. */
export type RefundView = {
  id: string;
  paymentId: string;
  status: 'PENDING' | 'PAID' | 'FAILED';
  amount: string;
  amountAtomic: string;
  reason: string;
  /** What pays it; null: not made yet. */
  withdrawalId: string | null;
  failure: { code: string } | null;
  idempotencyKey: string;
  correlationId: string;
  createdAt: string;
  endedAt: string | null;
};

type Row = Pick<
  RefundView,
  'id' | 'paymentId' | 'status' | 'reason' | 'withdrawalId' | 'idempotencyKey' | 'correlationId'
> & { amount: bigint; failureCode: string | null; createdAt: Date; endedAt: Date | null };

/** Refunds by their ids, or all of payments, oldest first. */
export async function readRefunds(
  sql: Sql,
  of: { ids: readonly string[] } | { paymentIds: readonly string[] },
): Promise<Row[]> {
  const { rows } = await sql.query<Row>({
    name: 'refund_read',
    text: `SELECT r.refund_id AS id, r.payment_id AS "paymentId", r.status, r.amount, r.reason,
        o.withdrawal_id AS "withdrawalId", o.failure_code AS "failureCode", r.idempotency_key AS "idempotencyKey",
        r.correlation_id AS "correlationId", r.created_at AS "createdAt", r.ended_at AS "endedAt"
      FROM refund r JOIN payout_order o ON o.order_id = r.refund_id
      WHERE r.refund_id = ANY($1::uuid[]) OR r.payment_id = ANY($2::uuid[]) ORDER BY r.refund_id`,
    values: 'ids' in of ? [of.ids, []] : [[], of.paymentIds],
  });
  return rows;
}

export function refundView(row: Row, { decimals }: Pick<AssetSettings, 'decimals'>): RefundView {
  const { amount, failureCode, createdAt, endedAt, ...rest } = row;
  return {
    ...rest,
    amount: formatAmount(amount, decimals),
    amountAtomic: amount.toString(),
    failure: failureCode === null ? null : { code: failureCode },
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}
