import { type Sql, sideBySide } from '../../base/db/index.ts';
import { keyHash } from '../../base/kernel/index.ts';
import type { PolicyDecision, ScreeningInputs } from './evaluate/subject.ts';
import { writeTrace } from './trace.ts';

export type NewDecision = {
  tenantId: string;
  subjectId: string;
  policyVersion: string;
  decision: PolicyDecision;
  /** What it was decided by beside the request itself; absent where that is nothing. */
  inputs?: Record<string, unknown>;
};

/** So many are stored by a statement, while the next are decided and put together. */
const CHUNK = 125;

/** Writes decisions, which are taken as they are written; returns their ids in order. */
export async function insertDecisions(
  sql: Sql,
  decisions: Iterable<NewDecision>,
): Promise<string[]> {
  const chunks = chunksOf(decisions);
  const ids: string[][] = [];
  const store = async () => {
    for (const { place, chunk } of chunks) ids[place] = await insertAtOnce(sql, chunk);
  };
  await sideBySide(store(), store());
  return ids.flat();
}

function* chunksOf(decisions: Iterable<NewDecision>) {
  let place = 0;
  let chunk: NewDecision[] = [];
  for (const decision of decisions) {
    chunk.push(decision);
    if (chunk.length < CHUNK) continue;
    yield { place, chunk };
    place += 1;
    chunk = [];
  }
  if (chunk.length > 0) yield { place, chunk };
}

/**
 * Traces and inputs go as one document each: as elements of an array of jsonb every quote of theirs was escaped here
 * and read back there.
 */
async function insertAtOnce(sql: Sql, decisions: readonly NewDecision[]): Promise<string[]> {
  const sampled = decisions.map(isSampled);
  const { rows } = await sql.query<{ decision_id: string }>({
    name: 'decision_insert',
    text: `
      WITH wanted AS MATERIALIZED (
        SELECT payonce_uuid7() AS decision_id, u.*
        FROM ROWS FROM (unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $9::boolean[]),
          jsonb_array_elements($7::jsonb), jsonb_array_elements($8::jsonb))
          WITH ORDINALITY AS u(tenant_id, subject_id, policy_version, verdict, tier, commit_at, sampled, trace, inputs, idx)
      ), made AS (
        INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, inputs,
          sampled)
        SELECT decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, nullif(inputs, 'null'),
          coalesce(sampled, false) FROM wanted
      )
      SELECT decision_id FROM wanted ORDER BY idx`,
    values: [
      decisions.map((d) => d.tenantId),
      decisions.map((d) => d.subjectId),
      decisions.map((d) => d.policyVersion),
      decisions.map((d) => d.decision.verdict),
      decisions.map((d) => d.decision.tier?.name ?? null),
      decisions.map((d) => d.decision.tier?.commitAt ?? null),
      JSON.stringify(decisions.map((d) => writeTrace(d.decision.trace))),
      // Absent throughout where no document rules: padded with nulls.
      decisions.some((d) => d.inputs !== undefined)
        ? JSON.stringify(decisions.map((d) => d.inputs ?? null))
        : null,
      sampled.includes(true) ? sampled : null,
    ],
  });
  return rows.map((row) => row.decision_id);
}

/** By the subject's id, so that nobody chooses, and asking again changes nothing. */
function isSampled({ subjectId, decision }: NewDecision): boolean {
  if (decision.auditSample === 0) return false;
  const drawn = Number.parseInt(keyHash('audit_sample', subjectId).slice(0, 8), 16);
  return drawn < decision.auditSample * 2 ** 32;
}

/** When each decision lets its subject be committed. */
export async function readCommitLevels(
  sql: Sql,
  decisionIds: readonly string[],
): Promise<Map<string, 'safe' | 'finalized'>> {
  const { rows } = await sql.query<{ decision_id: string; commit_at: 'safe' | 'finalized' }>({
    name: 'decision_commit_at',
    text: `SELECT decision_id, commit_at FROM decision
      WHERE decision_id = ANY($1::uuid[]) AND commit_at IS NOT NULL`,
    values: [decisionIds],
  });
  return new Map(rows.map((row) => [row.decision_id, row.commit_at]));
}

/** What screening said when these transactions were decided about; absent where nobody was asked. */
export async function readScreeningInputs(
  sql: Sql,
  txIds: readonly string[],
): Promise<Map<string, ScreeningInputs>> {
  const { rows } = await sql.query<{ tx_id: string; screening: ScreeningInputs | null }>({
    name: 'decision_screening',
    text: `SELECT t.tx_id, d.inputs->'screening' AS screening
      FROM tx t JOIN decision d ON d.decision_id = t.decision_id WHERE t.tx_id = ANY($1::uuid[])`,
    values: [txIds],
  });
  return new Map(
    rows.flatMap(({ tx_id, screening }) => (screening === null ? [] : [[tx_id, screening]])),
  );
}
