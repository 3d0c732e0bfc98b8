import { randomBytes, randomInt } from 'node:crypto';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { isRefusal, isUuid, type Refusal, refuse, sha256Hex } from '../../base/kernel/index.ts';
import { auditKey } from './audit/audit-key.ts';
import { type ApiKey, areIds, keyById, noKey } from './key-list.ts';
import { inherited, judgeCreated, judgeRotated, type Maker, readMaker } from './key-maker.ts';
import { type KeyOrder, type RightsRow, readRights, rightsOf, unusable } from './key-order.ts';

/** `key` is the secret; it exists in this answer only. */
export type NewApiKey = ApiKey & { key: string };

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
 * be, an expiry that has passed by the database's clock, and an unknown tenant. Made by a key or an operator (`by`), it has
 * at most their rights and speaks for the same person; what the order does not name is as with the key.
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
    const maker = by === null ? null : await readMaker(sql, by, order.tenantId);
    if (isRefusal(maker)) return maker;
    const rights = maker === null ? ordered : inherited(maker, ordered, order);
    const refusal = maker === null ? null : judgeCreated(maker, rights);
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
    const { rows } = await sql.query<
      RightsRow & { tenantId: string; keyId: string; personId: string; live: boolean }
    >(
      `SELECT ${RIGHTS}, key_id AS "keyId", person_id AS "personId", tenant_id AS "tenantId",
         revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS live
       FROM api_key WHERE key_id = $1 AND ($2::uuid IS NULL OR tenant_id = $2) FOR UPDATE`,
      [keyId, tenantId ?? null],
    );
    const row = rows[0];
    if (row === undefined) return noKey(keyId);
    if (!row.live)
      return refuse('key_ended', `The key ${keyId} is revoked or expired; make a new one.`);
    const maker = by === null ? null : await readMaker(sql, by, row.tenantId);
    if (isRefusal(maker)) return maker;
    const refusal = maker === null ? null : judgeRotated(maker, { ...rightsOf(row), ...row });
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
