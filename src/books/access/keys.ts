import { randomBytes, randomInt } from 'node:crypto';
import type { Sql } from '../../base/db/index.ts';
import { type Fault, isUuid, type Refusal, refuse, sha256Hex } from '../../base/kernel/index.ts';
import { GRANTS, type Grant, isGrant } from './scopes.ts';

/** A key as it may be listed: the prefix tells keys apart, the secret is not kept. */
export type ApiKey = {
  keyId: string;
  tenantId: string;
  name: string;
  prefix: string;
  scopes: Grant[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  createdAt: Date;
};

/** `key` is the secret; it exists in this answer only. */
export type NewApiKey = ApiKey & { key: string };

export type KeyOrder = {
  tenantId: string;
  name: string;
  scopes: readonly string[];
  expiresAt?: Date;
};

/** The channel on which a revocation is announced; the payload is the key's id. */
export const REVOKED_CHANNEL = 'payonce_key';

const TOKEN = /^pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/;
const PREFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const COLUMNS = `key_id AS "keyId", tenant_id AS "tenantId", name, prefix, scopes,
  expires_at AS "expiresAt", revoked_at AS "revokedAt", created_at AS "createdAt"`;

/**
 * The hex SHA-256 under which a token is stored, or null for what can not be one. A plain hash is
 * enough: the secret is 256 random bits, which no dictionary holds.
 */
export function hashOfToken(token: string): string | null {
  return TOKEN.test(token) ? sha256Hex(token) : null;
}

function newToken(): { token: string; prefix: string } {
  const letters = Array.from({ length: 8 }, () => PREFIX_LETTERS[randomInt(PREFIX_LETTERS.length)]);
  const prefix = letters.join('');
  return { token: `pk_${prefix}_${randomBytes(32).toString('base64url')}`, prefix };
}

/**
 * A new key, `pk_<8 characters>_<43 characters>`, of which SHA-256 alone is stored. Refuses an unknown
 * scope, no scope, an expiry that has passed by the database's clock, and an unknown tenant.
 */
export async function createKey(sql: Sql, order: KeyOrder): Promise<NewApiKey | Refusal> {
  const faults = faultsOf(order);
  if (faults.length > 0) {
    return refuse('invalid_request', 'The key can not be made as it was ordered.', { faults });
  }
  const { token, prefix } = newToken();
  const { rows } = isUuid(order.tenantId)
    ? await sql.query<ApiKey | { keyId: null }>(
        // The outer join tells an expiry that has passed from a tenant that is not there.
        `WITH made AS (
           INSERT INTO api_key (tenant_id, name, prefix, key_hash, scopes, expires_at)
           SELECT tenant_id, $2, $3, decode($4, 'hex'), $5, $6 FROM tenant
           WHERE tenant_id = $1 AND ($6::timestamptz IS NULL OR $6 > clock_timestamp())
           RETURNING *
         )
         SELECT made.key_id AS "keyId", tenant.tenant_id AS "tenantId", made.name, made.prefix,
           made.scopes, made.expires_at AS "expiresAt", made.revoked_at AS "revokedAt",
           made.created_at AS "createdAt"
         FROM tenant LEFT JOIN made USING (tenant_id) WHERE tenant.tenant_id = $1`,
        [
          order.tenantId,
          order.name,
          prefix,
          hashOfToken(token),
          [...new Set(order.scopes)].sort(),
          order.expiresAt ?? null,
        ],
      )
    : { rows: [] };
  const row = rows[0];
  if (row === undefined) return refuse('not_found', `There is no tenant ${order.tenantId}.`);
  if (row.keyId !== null) return { ...row, key: token };
  return refuse('invalid_request', 'The key can not be made as it was ordered.', {
    faults: [fault('/expiresAt', order.expiresAt?.toISOString() ?? '', 'a time to come')],
  });
}

function faultsOf(order: KeyOrder): Fault[] {
  const faults: Fault[] = [];
  if (order.name.trim() === '' || order.name.length > 128) {
    faults.push(fault('/name', order.name.slice(0, 128), '1 to 128 characters'));
  }
  if (order.scopes.length === 0) faults.push(fault('/scopes', 'none', 'at least one scope'));
  order.scopes.forEach((scope, index) => {
    if (isGrant(scope)) return;
    faults.push(fault(`/scopes/${index}`, scope, `one of ${GRANTS.join(', ')}`));
  });
  if (order.expiresAt !== undefined && Number.isNaN(order.expiresAt.getTime())) {
    faults.push(fault('/expiresAt', 'not a time', 'a time to come'));
  }
  return faults;
}

function fault(pointer: string, got: string, expected: string): Fault {
  return { pointer, code: 'invalid_request', got, expected };
}

/** Keys of one tenant, or of all, newest first, with those that are revoked or expired. */
export async function listKeys(
  sql: Sql,
  { tenantId }: { tenantId?: string } = {},
): Promise<ApiKey[]> {
  if (tenantId !== undefined && !isUuid(tenantId)) return [];
  const { rows } = await sql.query<ApiKey>(
    `SELECT ${COLUMNS} FROM api_key WHERE $1::uuid IS NULL OR tenant_id = $1 ORDER BY key_id DESC`,
    [tenantId ?? null],
  );
  return rows;
}

/**
 * Revokes for ever; a key that was revoked before keeps its first time. With `tenantId`, a key of
 * another tenant is not found. Announced at commit; who misses that re-checks within a second.
 */
export async function revokeKey(
  sql: Sql,
  { keyId, tenantId }: { keyId: string; tenantId?: string },
): Promise<ApiKey | Refusal> {
  const missing = refuse('not_found', `There is no key ${keyId}.`);
  if (!isUuid(keyId) || (tenantId !== undefined && !isUuid(tenantId))) return missing;
  const { rows } = await sql.query<ApiKey>(
    `WITH revoked AS (
       UPDATE api_key SET revoked_at = coalesce(revoked_at, clock_timestamp())
       WHERE key_id = $1 AND ($2::uuid IS NULL OR tenant_id = $2) RETURNING *
     ), told AS MATERIALIZED (SELECT key_id, pg_notify('${REVOKED_CHANNEL}', key_id::text) FROM revoked)
     SELECT ${COLUMNS} FROM revoked JOIN told USING (key_id)`,
    [keyId, tenantId ?? null],
  );
  return rows[0] ?? missing;
}
