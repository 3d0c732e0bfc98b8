import type { Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { createKey, listKeys, readKey, revokeKey, rotateKey } from '../../../books/access/index.ts';
import type { Principal, Services } from '../../http/index.ts';

/** The keys of a tenant for the API. */
export function apiKeyServices(db: Db, settings: Settings): Services['apiKeys'] {
  const rateLimit = settings.http.rateLimits.key;
  const makerOf = ({ keyId, personId }: Principal) =>
    keyId === null ? { operatorId: personId } : { keyId, rateLimit };
  return {
    list: (tenantId, page) => listKeys(db, { tenantId, ...page }),
    get: (tenantId, keyId) => readKey(db, { tenantId, keyId }),
    create: (by, order) => createKey(db, { ...order, tenantId: by.tenantId }, makerOf(by)),
    rotate: (by, keyId, overlapMs) =>
      rotateKey(db, { tenantId: by.tenantId, keyId, overlapMs, by: makerOf(by) }),
    revoke: (by, keyId) => revokeKey(db, { tenantId: by.tenantId, keyId, by: makerOf(by) }),
  };
}
