import { type Db, inTransaction } from '../../base/db/index.ts';
import { isRefusal, type Refusal } from '../../base/kernel/index.ts';
import type { KeyActor } from './audit/audit-key.ts';
import { auditKey } from './audit/audit-key.ts';
import { type ApiKey, readKey } from './key-list.ts';
import { REVOKED_CHANNEL } from './keys.ts';

/**
 * Revokes for ever; a key that was revoked before keeps its first time. With `tenantId`, a key of
 * another tenant is not found. Announced at commit; who misses that re-checks within a second.
 */
export async function revokeKey(
  db: Db,
  { by = null, ...wanted }: { keyId: string; tenantId?: string; by?: KeyActor | null },
): Promise<ApiKey | Refusal> {
  return await inTransaction(db, async (sql) => {
    const found = await readKey(sql, wanted);
    if (isRefusal(found)) return found;
    const { rowCount } = await sql.query(
      `WITH revoked AS (
         UPDATE api_key SET revoked_at = clock_timestamp()
         WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id
       )
       SELECT pg_notify('${REVOKED_CHANNEL}', key_id::text) FROM revoked`,
      [found.keyId],
    );
    const key = await readKey(sql, wanted);
    if (rowCount !== 0 && !isRefusal(key)) await auditKey(sql, 'revoked', key, by);
    return key;
  });
}
