import type { Requirement } from '../../../base/config/index.ts';
import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import type { PastNewest, ScreeningInputs } from '../../../books/policy/index.ts';

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
  /** What persons were asked for; null: nobody was asked. */
  approvals: Requirement[] | null;
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
        (SELECT requirements FROM approval_request a WHERE a.decision_id = d.decision_id) AS approvals,
        CASE WHEN w.status IN ('CANCELLED', 'EXPIRED', 'FAILED')
            OR w.status = 'REJECTED' AND w.failure_code IN ('approval_rejected', 'hold_rejected', 'hold_timed_out')
          THEN (extract(epoch FROM w.updated_at) * 1000)::float8 END AS "endedAt"
      FROM withdrawal w JOIN decision d ON d.decision_id = w.decision_id
      WHERE w.tenant_id = $1 AND w.withdrawal_id > $2 ORDER BY w.withdrawal_id LIMIT $3`,
    values: [tenantId, after, limit],
  });
  return rows;
}

export async function newestOf(
  sql: Sql,
  { tenantId, after, limit }: { tenantId: string; after: string; limit: number },
): Promise<PastNewest> {
  const { rows } = await sql.query<PastNewest>({
    name: 'withdrawal_past_newest',
    text: `WITH newest AS MATERIALIZED (SELECT withdrawal_id FROM withdrawal
        WHERE tenant_id = $1 AND withdrawal_id > $2 ORDER BY withdrawal_id DESC LIMIT $3)
      SELECT count(*)::int AS total, (SELECT withdrawal_id FROM newest ORDER BY withdrawal_id LIMIT 1) AS oldest FROM newest`,
    values: [tenantId, after, limit],
  });
  return rows[0]!;
}
