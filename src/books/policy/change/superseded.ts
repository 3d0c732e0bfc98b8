import type { Sql } from '../../../base/db/index.ts';
import { readRuling } from '../policies.ts';

/**
 * Of these transactions those whose decision is of a policy that something which tightens came after. What the
 * configuration decided about an x402 payment, since no rule was about it, stays good.
 */
export async function readSuperseded(sql: Sql, txIds: readonly string[]): Promise<Set<string>> {
  // While no document ever ruled nothing can have been superseded.
  if (txIds.length === 0 || (await readRuling(sql)) === null) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'policy_superseded',
    text: `WITH good AS MATERIALIZED (SELECT version FROM policy_standing)
      SELECT t.tx_id FROM tx t JOIN decision d ON d.decision_id = t.decision_id
      WHERE t.tx_id = ANY($1::uuid[]) AND (t.owner_kind = 'withdrawal' OR d.policy_version LIKE 'policy:%')
        AND NOT EXISTS (SELECT FROM good WHERE good.version = d.policy_version)`,
    values: [txIds],
  });
  return new Set(rows.map((row) => row.tx_id));
}

/** The same of decisions about withdrawals. */
export async function readSupersededDecisions(
  sql: Sql,
  decisionIds: readonly string[],
): Promise<Set<string>> {
  if (decisionIds.length === 0 || (await readRuling(sql)) === null) return new Set();
  const { rows } = await sql.query<{ decision_id: string }>({
    name: 'policy_superseded_decisions',
    text: `WITH good AS MATERIALIZED (SELECT version FROM policy_standing)
      SELECT d.decision_id FROM decision d WHERE d.decision_id = ANY($1::uuid[])
        AND NOT EXISTS (SELECT FROM good WHERE good.version = d.policy_version)`,
    values: [decisionIds],
  });
  return new Set(rows.map((row) => row.decision_id));
}
