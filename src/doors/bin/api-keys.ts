import type { Settings } from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import { createKey, listKeys, readKey, revokeKey, rotateKey } from '../../books/access/index.ts';
import type { Services } from '../http/index.ts';

/** The keys of a tenant for the API. */
export function apiKeyServices(db: Db, settings: Settings): Services['apiKeys'] {
  const rateLimit = settings.http.rateLimits.key;
  return {
    list: (tenantId, page) => listKeys(db, { tenantId, ...page }),
    get: (tenantId, keyId) => readKey(db, { tenantId, keyId }),
    create: ({ tenantId, keyId }, order) =>
      createKey(db, { ...order, tenantId }, { keyId, rateLimit }),
    rotate: ({ tenantId, keyId: by }, keyId, overlapMs) =>
      rotateKey(db, { tenantId, keyId, overlapMs, by: { keyId: by, rateLimit } }),
    revoke: ({ tenantId, keyId: by }, keyId) =>
      revokeKey(db, { tenantId, keyId, by: { keyId: by } }),
  };
}
