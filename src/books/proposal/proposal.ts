import type { Sql } from '../../base/db/index.ts';

type Proposal = { subject: string; content: string; proposedBy: string; proposedAt: Date };

/** Who speaks, and as whose: a person's word counts where it has rights. */
export type Speaker = { personId: string; tenantId: string };
/**
 * `roles`: an operator speaks by one of them or not at all, also through a key that they made when they had it. A
 * person that is a key has its rights for ever.
 */
type Word = { subject: string; content: string; by: Speaker; roles: readonly string[] };

/** Whoever has lost their rights since, or got others, has said nothing. */
const STANDS = `EXISTS (SELECT FROM standing_person s WHERE s.person_id = proposal.proposed_by
  AND s.tenant_id = proposal.tenant_id AND s.since <= proposal.proposed_at AND (s.roles IS NULL OR s.roles && $5::text[]))`;

/** Uses up what another person proposed with exactly this content: who did, or null where nobody has. */
export async function confirm(
  sql: Sql,
  { subject, content, by, roles }: Word,
): Promise<string | null> {
  const { rows } = await sql.query<{ proposedBy: string }>(
    `DELETE FROM proposal WHERE subject = $1 AND content = $2 AND proposed_by <> $3 AND ${STANDS}
       AND EXISTS (SELECT FROM standing_person s WHERE s.person_id = $3 AND s.tenant_id = $4
         AND (s.roles IS NULL OR s.roles && $5::text[]))
     RETURNING proposed_by AS "proposedBy"`,
    [subject, content, by.personId, by.tenantId, roles],
  );
  return rows[0]?.proposedBy ?? null;
}

/**
 * Says it first. The same content again is nothing; another takes the place of what was proposed. One statement with
 * its audit entry: a caller without a transaction leaves both or neither.
 */
export async function propose(sql: Sql, { subject, content, by, roles }: Word): Promise<void> {
  await sql.query(
    `WITH said AS (
       INSERT INTO proposal (subject, content, proposed_by, tenant_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT (subject) DO UPDATE SET content = $2, proposed_by = $3, tenant_id = $4, proposed_at = now()
       WHERE proposal.content <> $2 OR NOT ${STANDS} RETURNING 1
     )
     INSERT INTO audit_entry (tenant_id, action, actor, subject, detail)
     SELECT $4, 'proposal.made', 'person ' || $3::uuid, $1, jsonb_build_object('content', $2::text) FROM said`,
    [subject, content, by.personId, by.tenantId, roles],
  );
}

/** Takes back whatever was said about it. */
export async function forget(sql: Sql, subject: string): Promise<void> {
  await sql.query('DELETE FROM proposal WHERE subject = $1', [subject]);
}

/** By subject, those of which something is proposed. */
export async function readProposals(
  sql: Sql,
  subjects: readonly string[],
): Promise<Map<string, Proposal>> {
  const { rows } = await sql.query<Proposal>(
    `SELECT subject, content, proposed_by AS "proposedBy", proposed_at AS "proposedAt"
     FROM proposal WHERE subject = ANY($1::text[])`,
    [subjects],
  );
  return new Map(rows.map((row) => [row.subject, row]));
}
