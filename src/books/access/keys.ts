import { randomBytes, randomInt } from 'node:crypto';
import type { RateLimit } from '../../base/config/index.ts';
import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { isRefusal, isUuid, type Refusal, refuse, sha256Hex } from '../../base/kernel/index.ts';
import { auditKey } from './audit/audit-key.ts';
import {
  beyond,
  type KeyOrder,
  ofAPerson,
  publicKeyOf,
  type Rights,
  readRights,
  unusable,
} from './key-order.ts';
import type { Grant } from './scopes.ts';

/** A key as it may be listed: the prefix tells secrets apart, the secret itself is not kept. */
export type ApiKey = {
  keyId: string;
  tenantId: string;
  name: string;
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

/** `key` is the secret; it exists in this answer only. */
export type NewApiKey = ApiKey & { key: string };

/** A key that makes or rotates another, and the limit of keys that have none of their own. */
type Maker = { keyId: string; rateLimit: RateLimit | null };

/** The channel on which a revocation is announced; the payload is the key's id. */
export const REVOKED_CHANNEL = 'payonce_key';

const TOKEN = /^pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/;
const PREFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** How long a secret may outlive the one after it. */
export const MOST_OVERLAP_MS = 30 * 24 * 3_600_000;

/**
 * The hex SHA-256 under which a token is stored, or null for what can not be one. A plain hash is
 * enough: the secret is 256 random bits, which no dictionary holds.
 */
export function hashOfToken(token: string): string | null {
  return TOKEN.test(token) ? sha256Hex(token) : null;
}

function newToken(): { token: string; prefix: string; hash: string } {
  const letters = Array.from({ length: 8 }, () => PREFIX_LETTERS[randomInt(PREFIX_LETTERS.length)]);
  const prefix = letters.join('');
  const token = `pk_${prefix}_${randomBytes(32).toString('base64url')}`;
  return { token, prefix, hash: sha256Hex(token) };
}

/**
 * A new key, `pk_<8 characters>_<43 characters>`, of which SHA-256 alone is stored. Refuses what the order can not
 * be, an expiry that has passed by the database's clock, and an unknown tenant. Made by a key (`by`), it has at most
 * that key's rights, and those it does not name are that key's; it speaks for the same person.
 */
export async function createKey(
  db: Db,
  order: KeyOrder,
  by: Maker | null = null,
): Promise<NewApiKey | Refusal> {
  const ordered = readRights(order);
  if (isRefusal(ordered)) return ordered;
  if (!isUuid(order.tenantId)) return refuse('not_found', `There is no tenant ${order.tenantId}.`);
  return await inTransaction(db, async (sql) => {
    const maker = by === null ? null : await makerRights(sql, by, order.tenantId);
    if (isRefusal(maker)) return maker;
    const rights = maker === null ? ordered : inherited(maker, ordered, order);
    const refusal =
      maker === null ? null : (ofAPerson(rights.scopes) ?? tooWide(maker, rights, by));
    if (refusal !== null) return refusal;
    const { token, prefix, hash } = newToken();
    const { rows } = await sql.query<{ keyId: string | null }>(
      // The outer join tells an expiry that has passed from a tenant that is not there.
      `WITH made AS (
         INSERT INTO api_key (tenant_id, name, scopes, expires_at, allowed_networks, public_key,
           require_signature, requests_per_second, burst, person_id)
         SELECT tenant_id, $2, $5, $6, $7, $8, $9, $10, $11, $12 FROM tenant
         WHERE tenant_id = $1 AND ($6::timestamptz IS NULL OR $6 > clock_timestamp())
         RETURNING key_id
       ), secret AS (
         INSERT INTO api_key_secret (key_hash, key_id, prefix)
         SELECT decode($4, 'hex'), key_id, $3 FROM made
       )
       SELECT made.key_id AS "keyId" FROM tenant LEFT JOIN made ON true WHERE tenant_id = $1`,
      [
        order.tenantId,
        order.name,
        prefix,
        hash,
        rights.scopes,
        rights.expiresAt,
        rights.allowedNetworks,
        rights.publicKey,
        rights.requireSignature,
        rights.rateLimit?.requestsPerSecond ?? null,
        rights.rateLimit?.burst ?? null,
        maker?.personId ?? null,
      ],
    );
    const row = rows[0];
    if (row === undefined) return refuse('not_found', `There is no tenant ${order.tenantId}.`);
    if (row.keyId === null) {
      const got = rights.expiresAt?.toISOString() ?? '';
      const expected = 'a time to come';
      return unusable([{ pointer: '/expiresAt', code: 'invalid_request', got, expected }]);
    }
    const made = (await keyById(sql, row.keyId))!;
    await auditKey(sql, 'made', made, by);
    return { ...made, key: token };
  });
}

function inherited(maker: Rights, ordered: Rights, order: KeyOrder): Rights {
  return {
    ...ordered,
    allowedNetworks:
      order.allowedNetworks === undefined ? maker.allowedNetworks : ordered.allowedNetworks,
    rateLimit: ordered.rateLimit ?? maker.rateLimit,
    expiresAt: ordered.expiresAt ?? maker.expiresAt,
  };
}

function tooWide(maker: Rights, wanted: Rights, by: Maker | null): Refusal | null {
  const limit = (rights: Rights) => ({
    ...rights,
    rateLimit: rights.rateLimit ?? by?.rateLimit ?? null,
  });
  const faults = beyond(limit(maker), limit(wanted));
  if (faults.length === 0) return null;
  const { pointer, got, expected } = faults[0]!;
  return refuse('grant_too_wide', `At ${pointer}: ${got}; expected ${expected}.`, { faults });
}

/**
 * A new secret for a key; the one before it, and any before that, is good for `overlapMs` more at most (0: ends now,
 * within a second on every process). With `tenantId`, a key of another tenant is not found; by a key (`by`), only
 * one is rotated that has no more rights. Asked again after a lost answer it makes one more secret, and the lost one,
 * which nobody has, ends with the overlap.
 */
export async function rotateKey(
  db: Db,
  wanted: { keyId: string; tenantId?: string; overlapMs: number; by?: Maker },
): Promise<NewApiKey | Refusal> {
  const { keyId, tenantId, overlapMs, by = null } = wanted;
  if (!Number.isInteger(overlapMs) || overlapMs < 0 || overlapMs > MOST_OVERLAP_MS) {
    return refuse('invalid_request', `The overlap is ${overlapMs} ms; expected 0 to 30 days.`);
  }
  if (!areIds(keyId, tenantId)) return noKey(keyId);
  return await inTransaction(db, async (sql) => {
    const { rows } = await sql.query<RightsRow & { tenantId: string; live: boolean }>(
      `SELECT ${RIGHTS}, tenant_id AS "tenantId",
         revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS live
       FROM api_key WHERE key_id = $1 AND ($2::uuid IS NULL OR tenant_id = $2) FOR UPDATE`,
      [keyId, tenantId ?? null],
    );
    const row = rows[0];
    if (row === undefined) return noKey(keyId);
    if (!row.live)
      return refuse('key_ended', `The key ${keyId} is revoked or expired; make a new one.`);
    const maker = by === null ? null : await makerRights(sql, by, row.tenantId);
    if (isRefusal(maker)) return maker;
    const other = by !== null && by.keyId !== keyId ? ofAPerson(row.scopes) : null;
    const refusal = maker === null ? null : (other ?? tooWide(maker, rightsOf(row), by));
    if (refusal !== null) return refusal;
    await sql.query(
      `UPDATE api_key_secret SET valid_until =
         least(valid_until, clock_timestamp() + make_interval(secs => $2::float8 / 1000))
       WHERE key_id = $1 AND (valid_until IS NULL OR valid_until > clock_timestamp())`,
      [keyId, overlapMs],
    );
    const { token, prefix, hash } = newToken();
    await sql.query(
      `INSERT INTO api_key_secret (key_hash, key_id, prefix) VALUES (decode($1, 'hex'), $2, $3)`,
      [hash, keyId, prefix],
    );
    const rotated = (await keyById(sql, keyId))!;
    await auditKey(sql, 'rotated', rotated, by);
    return { ...rotated, key: token };
  });
}

const RIGHTS = `scopes, allowed_networks AS "allowedNetworks", public_key AS "publicKey",
  require_signature AS "requireSignature", requests_per_second AS "requestsPerSecond", burst,
  expires_at AS "expiresAt"`;
type RightsRow = Omit<Rights, 'rateLimit'> & {
  requestsPerSecond: number | null;
  burst: number | null;
};

function rightsOf({ requestsPerSecond, burst, ...row }: RightsRow): Rights {
  const rateLimit = requestsPerSecond === null ? null : { requestsPerSecond, burst: burst! };
  return { ...row, rateLimit };
}

/** Read anew: what a process remembers of a key may be a second old. Held until the other key is written. */
async function makerRights(
  sql: Sql,
  by: Maker,
  tenantId: string,
): Promise<(Rights & { personId: string }) | Refusal> {
  const { rows } = await sql.query<RightsRow & { personId: string }>(
    `SELECT ${RIGHTS}, person_id AS "personId" FROM api_key WHERE key_id = $1 AND tenant_id = $2 AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > clock_timestamp()) FOR SHARE`,
    [by.keyId, tenantId],
  );
  const row = rows[0];
  return row === undefined
    ? refuse('unauthenticated', 'The key has ended.')
    : { ...rightsOf(row), personId: row.personId };
}

const KEY = `SELECT k.key_id AS "keyId", k.tenant_id AS "tenantId", k.name, s.prefix, k.scopes,
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

async function keyById(sql: Sql, keyId: string): Promise<ApiKey | undefined> {
  const { rows } = await sql.query<KeyRow>(`${KEY} WHERE k.key_id = $1`, [keyId]);
  return rows.map(keyOf)[0];
}

/** With `tenantId`, a key of another tenant is not found. */
export async function readKey(
  sql: Sql,
  { keyId, tenantId }: { keyId: string; tenantId?: string },
): Promise<ApiKey | Refusal> {
  const key = areIds(keyId, tenantId) ? await keyById(sql, keyId) : undefined;
  return key === undefined || (tenantId ?? key.tenantId) !== key.tenantId ? noKey(keyId) : key;
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

function areIds(keyId: string, tenantId: string | undefined): boolean {
  return isUuid(keyId) && (tenantId === undefined || isUuid(tenantId));
}

function noKey(keyId: string): Refusal {
  return refuse('not_found', `There is no key ${keyId}.`);
}
