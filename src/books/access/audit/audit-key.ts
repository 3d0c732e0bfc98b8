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

/** The key or the operator that did it. */
export type KeyActor = { keyId: string } | { operatorId: string };

function toldActor(by: KeyActor | null): string {
  if (by === null) return 'the command line';
  return 'keyId' in by ? `API key ${by.keyId}` : `operator ${by.operatorId}`;
}

/** What was done to a key, with its rights as they are from here on; its secret is told nowhere. */
export async function auditKey(
  sql: Sql,
  done: 'made' | 'rotated' | 'revoked',
  key: AuditedKey,
  by: KeyActor | null,
): Promise<void> {
  const { keyId, tenantId, name, prefix, scopes, allowedNetworks, publicKey } = key;
  const { requireSignature, rateLimit, expiresAt, previousValidUntil } = key;
  const rights = { scopes, allowedNetworks, publicKey, requireSignature, rateLimit, expiresAt };
  await writeAudit(sql, [
    {
      tenantId,
      action: `api_key.${done}`,
      actor: toldActor(by),
      subject: keyId,
      detail: { name, prefix, ...rights, previousValidUntil },
    },
  ]);
}
