import type { Sql } from '../../../base/db/index.ts';

/**
 * Of these transactions those whose decision is of a policy that something which tightens came after. x402 payments are
 * decided by the configuration, whatever document rules.
 */
export async function readSuperseded(sql: Sql, txIds: readonly string[]): Promise<Set<string>> {
  const ruling = await sql.query<{ version: string | null }>({
    name: 'policy_effective_get',
    text: 'SELECT version FROM policy_effective',
  });
  // While no document ever ruled nothing can have been superseded.
  if (ruling.rows[0]!.version === null || txIds.length === 0) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'policy_superseded',
    text: `WITH good AS MATERIALIZED (SELECT version FROM policy_standing)
      SELECT c.tx_id FROM decision_consumed c JOIN decision d USING (decision_id) JOIN tx t USING (tx_id)
      WHERE c.tx_id = ANY($1::uuid[]) AND (t.owner_kind = 'withdrawal' OR d.policy_version LIKE 'policy:%')
        AND NOT EXISTS (SELECT FROM good WHERE good.version = d.policy_version)`,
    values: [txIds],
  });
  return new Set(rows.map((row) => row.tx_id));
}
