import type { Sql } from '../../../base/db/index.ts';
import type { PaymentState } from '../../../base/kernel/index.ts';

/** The merchant's, of which refunds give back; and what will be, unless it fails. In the books EARN, and before that EXPECT. */
const SETTLED: readonly PaymentState[] = ['SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED'];
const BILLABLE: readonly PaymentState[] = [
  ...SETTLED,
  ...([
    'RESERVED',
    'BROADCASTED',
    'INCLUDED',
    'FINALIZED',
    'LEDGER_COMMITTED',
    'REVERSED',
  ] as const),
];

/** What one endpoint of a merchant was used for in a time, in one asset. Base units. */
export type UsageRow = {
  /** Names the row in its report, from page to page. */
  id: string;
  endpoint: string | null;
  method: string | null;
  path: string | null;
  resource: string | null;
  asset: string;
  custodial: boolean;
  calls: number;
  served: number;
  billable: number;
  billableAmount: bigint;
  settled: number;
  settledAmount: bigint;
  refunded: number;
  refundedAmount: bigint;
};

export type UsageQuery = { from: Date; to: Date; after: string | null; limit: number };

/** By the ids of its rows, which say nothing; null: the tenant has no such merchant. Added up anew for every page. */
export async function readUsage(
  sql: Sql,
  of: { tenantId: string; merchant: string },
  { from, to, after, limit }: UsageQuery,
): Promise<UsageRow[] | null> {
  const merchant = await sql.query<{ id: string }>(
    'SELECT merchant_id AS id FROM merchant WHERE tenant_id = $1 AND name = $2',
    [of.tenantId, of.merchant],
  );
  if (merchant.rows[0] === undefined) return null;
  const { rows } = await sql.query<UsageRow>({
    name: 'merchant_usage',
    text: `WITH used AS (
        SELECT p.priced_endpoint AS endpoint, CASE WHEN p.priced_endpoint IS NULL THEN p.endpoint END AS resource, p.asset,
          p.lane_id IS NOT NULL AS custodial, p.status = ANY($5::text[]) AS billable, p.status = ANY($6::text[]) AS settled,
          coalesce(p.charged, p.amount) AS amount, c.status = 'SERVED' AS served, coalesce(r.amount, 0) AS back
        FROM payment p LEFT JOIN gateway_call c USING (payment_id)
        LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM refund
          WHERE payment_id = p.payment_id AND status = 'PAID' AND p.refunded > 0) r ON true
        WHERE p.tenant_id = $1 AND p.merchant_id = $2 AND p.payment_id >= payonce_uuid_at($3::timestamptz)
          AND p.payment_id < payonce_uuid_at($4::timestamptz) AND p.authorization_id IS NOT NULL
          AND p.status <> 'DUPLICATE_REQUEST'
      ), summed AS (
        SELECT md5(concat_ws('|', endpoint, resource, asset, custodial))::uuid AS id, endpoint, resource, asset, custodial,
          count(*)::int AS calls, count(*) FILTER (WHERE served)::int AS served,
          count(*) FILTER (WHERE billable)::int AS billable,
          coalesce(sum(amount) FILTER (WHERE billable), 0) AS "billableAmount",
          count(*) FILTER (WHERE settled)::int AS settled,
          coalesce(sum(amount) FILTER (WHERE settled), 0) AS "settledAmount",
          count(*) FILTER (WHERE back > 0)::int AS refunded, sum(back) AS "refundedAmount"
        FROM used GROUP BY endpoint, resource, asset, custodial
      )
      SELECT s.*, e.method, e.path FROM summed s LEFT JOIN priced_endpoint e ON e.endpoint_id = s.endpoint
      WHERE $7::uuid IS NULL OR s.id > $7 ORDER BY s.id LIMIT $8`,
    values: [of.tenantId, merchant.rows[0].id, from, to, BILLABLE, SETTLED, after, limit],
  });
  return rows;
}
