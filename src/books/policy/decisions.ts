import type { Sql } from '../../base/db/index.ts';
import type { PolicyDecision } from './evaluate.ts';

type NewDecision = {
  tenantId: string;
  subjectId: string;
  policyVersion: string;
  decision: PolicyDecision;
};

/** Writes decisions; returns their ids in order. */
export async function insertDecisions(
  sql: Sql,
  decisions: readonly NewDecision[],
): Promise<string[]> {
  if (decisions.length === 0) return [];
  const { rows } = await sql.query<{ decision_id: string }>({
    name: 'decision_insert',
    text: `
      WITH wanted AS MATERIALIZED (
        SELECT payonce_uuid7() AS decision_id, u.*
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
          WITH ORDINALITY AS u(tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, idx)
      ), made AS (
        INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace)
        SELECT decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace FROM wanted
      )
      SELECT decision_id FROM wanted ORDER BY idx`,
    values: [
      decisions.map((d) => d.tenantId),
      decisions.map((d) => d.subjectId),
      decisions.map((d) => d.policyVersion),
      decisions.map((d) => d.decision.verdict),
      decisions.map((d) => d.decision.tier?.name ?? null),
      decisions.map((d) => d.decision.tier?.commitAt ?? null),
      decisions.map((d) => JSON.stringify(d.decision.trace)),
    ],
  });
  return rows.map((row) => row.decision_id);
}
