import type { RateLimit } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { isUuid, type Refusal, refuse } from '../../base/kernel/index.ts';
import { publicKeyOf, type Rights, type RightsRow, rightsOf } from './key-order.ts';
import type { Grant } from './scopes.ts';

/** A key as it may be listed: the prefix tells secrets apart, the secret itself is not kept. */
export type ApiKey = {
  keyId: string;
  tenantId: string;
  name: string;
  /** Who speaks by it: an operator, the key itself, or the one that made it. */
  personId: string;
  prefix: string;
  scopes: Grant[];
  allowedNetworks: string[];
  /** PEM. */
  publicKey: string | null;
  requireSignature: boolean;
  rateLimit: RateLimit | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  createdAt: Date;
  /** Until when a secret before this one is good; null when none is. */
  previousValidUntil: Date | null;
  /** To the half minute. */
  lastUsedAt: Date | null;
  lastUsedFrom: string | null;
};

const KEY = `SELECT k.key_id AS "keyId", k.tenant_id AS "tenantId", k.name, k.person_id AS "personId", s.prefix, k.scopes,
    k.allowed_networks AS "allowedNetworks", k.public_key AS "publicKey",
    k.require_signature AS "requireSignature", k.requests_per_second AS "requestsPerSecond", k.burst,
    k.expires_at AS "expiresAt", k.revoked_at AS "revokedAt", k.created_at AS "createdAt",
    (SELECT max(p.valid_until) FROM api_key_secret p
     WHERE p.key_id = k.key_id AND p.valid_until > clock_timestamp()) AS "previousValidUntil",
    u.last_used_at AS "lastUsedAt", host(u.last_used_from) AS "lastUsedFrom"
  FROM api_key k JOIN api_key_secret s ON s.key_id = k.key_id AND s.valid_until IS NULL
  LEFT JOIN api_key_use u ON u.key_id = k.key_id`;
type KeyRow = RightsRow & Omit<ApiKey, keyof Rights>;

function keyOf(row: KeyRow): ApiKey {
  const { publicKey, ...rights } = rightsOf(row) as Rights & Omit<ApiKey, keyof Rights>;
  const pem = { format: 'pem', type: 'spki' } as const;
  const shown = publicKey === null ? null : (publicKeyOf(publicKey).export(pem) as string);
  return { ...rights, publicKey: shown };
}

export async function keyById(sql: Sql, keyId: string): Promise<ApiKey | undefined> {
  const { rows } = await sql.query<KeyRow>(`${KEY} WHERE k.key_id = $1`, [keyId]);
  return rows.map(keyOf)[0];
}

/** With `tenantId`, a key of another tenant is not found. */
export async function readKey(
  sql: Sql,
  { keyId, tenantId }: { keyId: string; tenantId?: string },
): Promise<ApiKey | Refusal> {
  const key = areIds(keyId, tenantId) ? await keyById(sql, keyId) : undefined;
  if (key === undefined || (tenantId !== undefined && key.tenantId !== tenantId))
    return noKey(keyId);
  return key;
}

/** Keys of one tenant, or of all, newest first, with those that are revoked or expired. */
export async function listKeys(
  sql: Sql,
  wanted: { tenantId?: string; limit?: number; before?: string | null } = {},
): Promise<ApiKey[]> {
  const { tenantId, limit = null, before = null } = wanted;
  if (tenantId !== undefined && !isUuid(tenantId)) return [];
  const { rows } = await sql.query<KeyRow>(
    `${KEY} WHERE ($1::uuid IS NULL OR k.tenant_id = $1) AND ($2::uuid IS NULL OR k.key_id < $2)
     ORDER BY k.key_id DESC LIMIT $3`,
    [tenantId ?? null, before, limit],
  );
  return rows.map(keyOf);
}

export function areIds(keyId: string, tenantId: string | undefined): boolean {
  return isUuid(keyId) && (tenantId === undefined || isUuid(tenantId));
}

export function noKey(keyId: string): Refusal {
  return refuse('not_found', `There is no key ${keyId}.`);
}
