import type { Sql } from '../../../base/db/index.ts';
import { writeAudit } from '../../../base/event/index.ts';
import type { Rights } from '../key-order.ts';

type AuditedKey = Omit<Rights, 'publicKey'> & {
  keyId: string;
  tenantId: string;
  name: string;
  prefix: string;
  /** PEM. */
  publicKey: string | null;
  previousValidUntil: Date | null;
};

/** What was done to a key, with its rights as they are from here on; its secret is told nowhere. */
export async function auditKey(
  sql: Sql,
  done: 'made' | 'rotated' | 'revoked',
  key: AuditedKey,
  by: { keyId: string } | null,
): Promise<void> {
  const { keyId, tenantId, name, prefix, scopes, allowedNetworks, publicKey } = key;
  const { requireSignature, rateLimit, expiresAt, previousValidUntil } = key;
  const rights = { scopes, allowedNetworks, publicKey, requireSignature, rateLimit, expiresAt };
  await writeAudit(sql, [
    {
      tenantId,
      action: `api_key.${done}`,
      actor: by === null ? 'the command line' : `API key ${by.keyId}`,
      subject: keyId,
      detail: { name, prefix, ...rights, previousValidUntil },
    },
  ]);
}
