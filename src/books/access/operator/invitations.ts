import { randomBytes } from 'node:crypto';
import type { Sql } from '../../../base/db/index.ts';
import { sha256Hex } from '../../../base/kernel/index.ts';

/** The token stands in a link and nowhere else; SHA-256 of it is stored. */
export type Invitation = { token: string; expiresAt: Date };

const TOKEN = /^oi_[A-Za-z0-9_-]{43}$/;

/** An operator's link falls with their rights: they must be a security-admin wherever it gives any. */
const GOOD = `token_hash = decode($1, 'hex') AND expires_at > clock_timestamp() AND (invited_by IS NULL OR NOT EXISTS (
  SELECT FROM operator_membership m WHERE m.operator_id = operator_invitation.operator_id AND NOT EXISTS (
    SELECT FROM operator_membership a WHERE a.tenant_id = m.tenant_id AND a.operator_id = invited_by
      AND a.roles @> '{security-admin}' AND a.activated_at IS NOT NULL AND a.suspended_at IS NULL)))`;

/** The only link of an operator; the one before it opens nothing any more. */
export async function openInvitation(
  sql: Sql,
  { operatorId, by, lifeMs }: { operatorId: string; by: string | null; lifeMs: number },
): Promise<Invitation> {
  const token = `oi_${randomBytes(32).toString('base64url')}`;
  const { rows } = await sql.query<{ expiresAt: Date }>(
    `INSERT INTO operator_invitation AS i (operator_id, token_hash, invited_by, expires_at)
     VALUES ($1, decode($2, 'hex'), $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000))
     ON CONFLICT (operator_id) DO UPDATE SET token_hash = excluded.token_hash, invited_by = excluded.invited_by,
       expires_at = excluded.expires_at
     RETURNING expires_at AS "expiresAt"`,
    [operatorId, sha256Hex(token), by, lifeMs],
  );
  return { token, expiresAt: rows[0]!.expiresAt };
}

/** Whose link it is, while it is good. */
export async function readInvitation(
  sql: Sql,
  token: string,
): Promise<{ operatorId: string; name: string } | null> {
  if (!TOKEN.test(token)) return null;
  const { rows } = await sql.query<{ operatorId: string; name: string }>(
    `SELECT operator_id AS "operatorId", name FROM operator_invitation JOIN operator USING (operator_id)
     WHERE ${GOOD}`,
    [sha256Hex(token)],
  );
  return rows[0] ?? null;
}

/** Uses the link up: of two who have it, one gets an answer. */
export async function takeInvitation(
  sql: Sql,
  token: string,
): Promise<{ operatorId: string; invitedBy: string | null } | null> {
  const { rows } = await sql.query<{ operatorId: string; invitedBy: string | null }>(
    `DELETE FROM operator_invitation WHERE ${GOOD}
     RETURNING operator_id AS "operatorId", invited_by AS "invitedBy"`,
    [sha256Hex(token)],
  );
  return rows[0] ?? null;
}
