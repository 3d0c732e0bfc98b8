import type { Sql } from '../../base/db/index.ts';
import { keyHash, type Refusal, refuse } from '../../base/kernel/index.ts';

/** The operation is the kind of resource, so a single request and a batch item share their key. */
type Operation = 'withdrawal' | 'deposit' | 'speed-up' | 'refund';

export function idempotencyHash(tenantId: string, operation: Operation, key: string): string {
  return keyHash('idempotency', tenantId, operation, key);
}

export type KeyToTake = { keyHash: string; contentHash: string };
export type TakenKey = {
  /** The resource of the key: new, or the one that it was first used for. */
  resourceId: string;
  /** `taken`: ours now. `replay`: used before with equal content. `conflict`: with other content. */
  outcome: 'taken' | 'replay' | 'conflict';
};

/**
 * Takes idempotency keys in the caller's transaction; hashes must be distinct. Inserted in ascending
 * order, as every process does: two with the same keys in opposite order would deadlock. The losers are
 * read by a second statement, because the first one's snapshot does not see a row that a concurrent
 * transaction committed while it waited.
 */
export async function takeKeys(
  sql: Sql,
  wanted: readonly KeyToTake[],
): Promise<Map<string, TakenKey>> {
  const sorted = [...wanted].sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
  const { rows } = await sql.query<{ key_hash: string; resource_id: string }>({
    name: 'idempotency_take',
    text: `
      INSERT INTO idempotency_key (key_hash, resource_id, content_hash)
      SELECT k, payonce_uuid7(), c FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u(k, c, idx)
      ORDER BY idx
      ON CONFLICT (key_hash) DO NOTHING
      RETURNING key_hash, resource_id`,
    values: [sorted.map((item) => item.keyHash), sorted.map((item) => item.contentHash)],
  });
  const result = new Map<string, TakenKey>(
    rows.map((row) => [row.key_hash, { resourceId: row.resource_id, outcome: 'taken' }]),
  );
  const losers = sorted.filter((item) => !result.has(item.keyHash));
  for (const [hash, found] of await readKeys(
    sql,
    losers.map((item) => item.keyHash),
  )) {
    const item = losers.find((loser) => loser.keyHash === hash);
    result.set(hash, {
      resourceId: found.resourceId,
      outcome: item?.contentHash === found.contentHash ? 'replay' : 'conflict',
    });
  }
  return result;
}

/** What is stored for keys: hash → resource and content. */
export async function readKeys(
  sql: Sql,
  keyHashes: readonly string[],
): Promise<Map<string, { resourceId: string; contentHash: string }>> {
  if (keyHashes.length === 0) return new Map();
  const { rows } = await sql.query<{ key_hash: string; resource_id: string; content_hash: string }>(
    {
      name: 'idempotency_read',
      text: 'SELECT key_hash, resource_id, content_hash FROM idempotency_key WHERE key_hash = ANY($1::uuid[])',
      values: [keyHashes],
    },
  );
  return new Map(
    rows.map((row) => [
      row.key_hash,
      { resourceId: row.resource_id, contentHash: row.content_hash },
    ]),
  );
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

export function checkIdempotencyKey(key: string): Refusal | null {
  if (key === '') {
    return refuse(
      'idempotency_key_required',
      'The idempotency key is missing or empty; send 1 to 255 visible ASCII characters.',
    );
  }
  return IDEMPOTENCY_KEY.test(key)
    ? null
    : refuse(
        'idempotency_key_invalid',
        `The idempotency key has ${key.length} characters or some that are not visible ASCII; expected 1 to 255 of 0x21 to 0x7e.`,
      );
}

export function keyConflict(idempotencyKey: string): Refusal {
  return refuse(
    'idempotency_key_conflict',
    `The idempotency key ${JSON.stringify(idempotencyKey)} was used with other content; nothing was changed.`,
  );
}
