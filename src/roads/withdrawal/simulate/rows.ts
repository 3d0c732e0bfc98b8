import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import type { PastSpan, ScreeningInputs } from '../../../books/policy/index.ts';

/** A withdrawal as it was decided about, and what became of it. Times in ms since the epoch. */
export type PastRow = {
  id: string;
  tenantId: string;
  account: string;
  asset: string;
  amount: bigint;
  recipient: Address;
  decidedAt: number;
  verdict: 'allow' | 'deny';
  tier: string | null;
  held: boolean;
  asked: boolean;
  inputs: { screening?: ScreeningInputs; lookAlike?: Address } | null;
  /** When it ended without being paid, by anything but the decision; null: it did not. */
  endedAt: number | null;
};

/** Decided withdrawals of a tenant behind an id, oldest first. */
export async function readPast(
  sql: Sql,
  { tenantId, after, limit }: { tenantId: string; after: string; limit: number },
): Promise<PastRow[]> {
  const { rows } = await sql.query<PastRow>({
    name: 'withdrawal_past',
    types: HEX_BYTES,
    text: `SELECT w.withdrawal_id AS id, w.tenant_id AS "tenantId", w.account, w.asset, w.amount, w.recipient,
        (extract(epoch FROM d.created_at) * 1000)::float8 AS "decidedAt", d.verdict, d.tier, d.inputs,
        EXISTS (SELECT FROM policy_hold h WHERE h.decision_id = d.decision_id) AS held,
        EXISTS (SELECT FROM approval_request a WHERE a.decision_id = d.decision_id) AS asked,
        CASE WHEN w.status IN ('CANCELLED', 'EXPIRED', 'FAILED')
            OR w.status = 'REJECTED' AND w.failure_code IN ('approval_rejected', 'hold_rejected', 'hold_timed_out')
          THEN (extract(epoch FROM w.updated_at) * 1000)::float8 END AS "endedAt"
      FROM withdrawal w JOIN decision d ON d.decision_id = w.decision_id
      WHERE w.tenant_id = $1 AND w.withdrawal_id > $2 ORDER BY w.withdrawal_id LIMIT $3`,
    values: [tenantId, after, limit],
  });
  return rows;
}

/** Which withdrawals are looked at: of the last days, and before them as far back as windows reach. */
export async function spanOf(
  sql: Sql,
  wanted: { tenantId: string; days: number; warmUpMs: number; most: number },
): Promise<PastSpan> {
  const { rows } = await sql.query<PastSpan>({
    name: 'withdrawal_past_span',
    text: `WITH b AS MATERIALIZED (
        SELECT payonce_uuid_at(now() - $2 * interval '1 day') AS since,
          payonce_uuid_at(now() - $2 * interval '1 day' - $3 * interval '1 millisecond') AS begins
      ), newest AS MATERIALIZED (
        SELECT withdrawal_id FROM withdrawal, b WHERE tenant_id = $1 AND withdrawal_id > b.begins
        ORDER BY withdrawal_id DESC LIMIT $4 + 1
      ), counted AS (SELECT count(*)::int AS total FROM newest)
      SELECT b.since, least(total, $4) AS total, total > $4 AS truncated, CASE WHEN total > $4
        THEN (SELECT withdrawal_id FROM newest ORDER BY withdrawal_id LIMIT 1) ELSE b.begins END AS after
      FROM b, counted`,
    values: [wanted.tenantId, wanted.days, wanted.warmUpMs, wanted.most],
  });
  return rows[0]!;
}
