import type { Requirement } from '../../../base/config/index.ts';
import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { PastNewest } from '../../../books/policy/index.ts';
import type { JudgedPayment } from '../policy/judge.ts';
import type { Parties } from '../policy/screen.ts';

/** A payment as it was decided about, and what became of it. Times in ms since the epoch. */
export type PastRow = Omit<JudgedPayment, 'parties'> & {
  decidedAt: number;
  verdict: 'allow' | 'deny';
  tier: string | null;
  /** What persons were asked for; null: nobody was asked. */
  approvals: Requirement[] | null;
  inputs: { screening?: Parties } | null;
  /** When it ended without being paid, by anything but the decision; null: it did not. */
  endedAt: number | null;
};

/** Decided payments of a tenant behind an id, oldest first. */
export async function readPast(
  sql: Sql,
  { tenantId, after, limit }: { tenantId: string; after: string; limit: number },
): Promise<PastRow[]> {
  const { rows } = await sql.query<PastRow>({
    name: 'payment_past',
    types: HEX_BYTES,
    text: `SELECT p.payment_id AS id, p.tenant_id AS "tenantId", m.name AS "merchantName", p.asset,
        coalesce(p.charged, p.amount) AS amount, p.payer, p.pay_to AS "payTo", p.method, p.endpoint,
        p.priced_endpoint AS "pricedEndpoint", (extract(epoch FROM d.created_at) * 1000)::float8 AS "decidedAt",
        d.verdict, d.tier, d.inputs,
        (SELECT requirements FROM approval_request a
          WHERE a.owner_id = p.payment_id AND a.decision_id = d.decision_id) AS approvals,
        CASE WHEN p.status IN ('CHAIN_FAILED', 'EXPIRED') OR p.status = 'AUTH_REJECTED' AND d.verdict = 'allow'
          THEN (extract(epoch FROM p.updated_at) * 1000)::float8 END AS "endedAt"
      FROM payment p JOIN merchant m USING (merchant_id)
      LEFT JOIN tx t ON t.owner_id = p.payment_id
      -- What persons were asked about and did not approve has no transaction.
      LEFT JOIN LATERAL (SELECT decision_id FROM approval_request WHERE owner_id = p.payment_id
        ORDER BY request_id DESC LIMIT 1) q ON t.tx_id IS NULL
      JOIN decision d ON d.decision_id = coalesce(t.decision_id, p.decision_id, q.decision_id)
      WHERE p.tenant_id = $1 AND p.payment_id > $2 ORDER BY p.payment_id LIMIT $3`,
    values: [tenantId, after, limit],
  });
  return rows;
}

/** Counts what was only handed in, too: the total is the most that there is to read. */
export async function newestOf(
  sql: Sql,
  { tenantId, after, limit }: { tenantId: string; after: string; limit: number },
): Promise<PastNewest> {
  const { rows } = await sql.query<PastNewest>({
    name: 'payment_past_newest',
    text: `WITH newest AS MATERIALIZED (SELECT payment_id FROM payment
        WHERE tenant_id = $1 AND payment_id > $2 ORDER BY payment_id DESC LIMIT $3)
      SELECT count(*)::int AS total, (SELECT payment_id FROM newest ORDER BY payment_id LIMIT 1) AS oldest FROM newest`,
    values: [tenantId, after, limit],
  });
  return rows[0]!;
}
