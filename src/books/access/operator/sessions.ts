import { randomBytes } from 'node:crypto';
import type { Sql } from '../../../base/db/index.ts';
import { sha256Hex } from '../../../base/kernel/index.ts';
import type { Role } from './roles.ts';

/** What an operator may do, and where; rights that wait or are suspended are none. */
export type Membership = { tenantId: string; tenantName: string; roles: Role[] };

export type Session = {
  sessionId: string;
  operatorId: string;
  name: string;
  /** The passkey that began it. */
  credentialId: string;
  /** The passkey was shown a few minutes ago: what changes passkeys asks for it. */
  fresh: boolean;
  expiresAt: Date;
  memberships: Membership[];
};

const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const LIFE_SECONDS = 12 * 3600;
const IDLE_SECONDS = 30 * 60;
const FRESH_SECONDS = 5 * 60;

/** A session of 256 random bits, of which SHA-256 is stored. Those of the operator that have ended go. */
export async function beginSession(
  sql: Sql,
  credentialId: string,
): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(32).toString('base64url');
  await sql.query(
    `DELETE FROM operator_session WHERE credential_id = $1
       AND (expires_at < clock_timestamp() OR seen_at < clock_timestamp() - make_interval(secs => $2))`,
    [credentialId, IDLE_SECONDS],
  );
  const { rows } = await sql.query<{ expiresAt: Date }>(
    `INSERT INTO operator_session (token_hash, credential_id, expires_at)
     VALUES (decode($1, 'hex'), $2, clock_timestamp() + make_interval(secs => $3))
     RETURNING expires_at AS "expiresAt"`,
    [sha256Hex(token), credentialId, LIFE_SECONDS],
  );
  return { token, expiresAt: rows[0]!.expiresAt };
}

/**
 * Whose session it is, asked of the database each time, so that what ends a session or takes a right holds for the
 * next request of every process. Null: unknown, ended, idle for half an hour, twelve hours old, or without any right.
 */
export async function readSession(sql: Sql, token: string): Promise<Session | null> {
  if (!TOKEN.test(token)) return null;
  const { rows } = await sql.query<Session>({
    name: 'operator_session_read',
    text: `
      WITH found AS (
        SELECT s.*, p.operator_id, o.name
        FROM operator_session s JOIN passkey p USING (credential_id) JOIN operator o USING (operator_id)
        WHERE s.token_hash = decode($1, 'hex') AND s.expires_at > clock_timestamp()
          AND s.seen_at > clock_timestamp() - make_interval(secs => $2)
      ), seen AS (
        UPDATE operator_session SET seen_at = clock_timestamp()
        WHERE session_id IN (SELECT session_id FROM found WHERE seen_at < clock_timestamp() - interval '1 minute')
      )
      SELECT session_id AS "sessionId", operator_id AS "operatorId", found.name, credential_id AS "credentialId",
        started_at > clock_timestamp() - make_interval(secs => $3) AS fresh, expires_at AS "expiresAt",
        json_agg(json_build_object('tenantId', t.tenant_id, 'tenantName', t.name, 'roles', m.roles)
          ORDER BY t.name) AS memberships
      FROM found JOIN operator_membership m USING (operator_id) JOIN tenant t USING (tenant_id)
      WHERE m.activated_at IS NOT NULL AND m.suspended_at IS NULL
      GROUP BY session_id, operator_id, found.name, credential_id, started_at, expires_at`,
    values: [sha256Hex(token), IDLE_SECONDS, FRESH_SECONDS],
  });
  return rows[0] ?? null;
}

/** Idempotent. */
export async function endSession(sql: Sql, sessionId: string): Promise<void> {
  await sql.query('DELETE FROM operator_session WHERE session_id = $1', [sessionId]);
}
