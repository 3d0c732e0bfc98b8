import type { Sql } from '../../base/db/index.ts';

type Proposal = { subject: string; content: string; proposedBy: string; proposedAt: Date };

/** Whose key was revoked or has expired since has said nothing. */
const STANDS = `EXISTS (SELECT FROM api_key k WHERE k.key_id = proposal.proposed_by AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()))`;

/** Uses up what another key proposed with exactly this content: who did, or null where nobody has. */
export async function confirm(
  sql: Sql,
  { subject, content, keyId }: { subject: string; content: string; keyId: string },
): Promise<string | null> {
  const { rows } = await sql.query<{ proposedBy: string }>(
    `DELETE FROM proposal WHERE subject = $1 AND content = $2 AND proposed_by <> $3 AND ${STANDS}
     RETURNING proposed_by AS "proposedBy"`,
    [subject, content, keyId],
  );
  return rows[0]?.proposedBy ?? null;
}

/** Says it first. The same content again is nothing; another takes the place of what was proposed. */
export async function propose(
  sql: Sql,
  { subject, content, keyId }: { subject: string; content: string; keyId: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO proposal (subject, content, proposed_by) VALUES ($1, $2, $3)
     ON CONFLICT (subject) DO UPDATE SET content = $2, proposed_by = $3, proposed_at = now()
     WHERE proposal.content <> $2 OR NOT ${STANDS}`,
    [subject, content, keyId],
  );
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
