/**
 * Owns tenants, API keys, scopes and idempotency keys. Promises that a key's secret exists only in the
 * answer that made it, that a key makes none with more rights, that a revocation, rotation or expiry holds
 * within a second on every process whether or not its notification arrives, that a database that is away is never a yes (what was not checked for
 * a second is Transient), and that an idempotency key names one resource for ever. Keeps no state that
 * matters outside the database; a crash forgets cached answers and nothing else.
 */
export {
  checkIdempotencyKey,
  idempotencyHash,
  type KeyToTake,
  keyConflict,
  readKeys,
  type TakenKey,
  takeKeys,
} from './idempotency.ts';
export { type Identity, KeyCache, type RevocationFeed } from './key-cache.ts';
export type { KeyOrder } from './key-order.ts';
export {
  type ApiKey,
  createKey,
  listKeys,
  MOST_OVERLAP_MS,
  type NewApiKey,
  readKey,
  rotateKey,
} from './keys.ts';
export { LastUse } from './last-use.ts';
export {
  bindKey,
  findMerchant,
  type Merchant,
  merchantOfKey,
  putMerchant,
} from './merchants.ts';
export { NonceBook } from './nonces.ts';
export { RateLimiter } from './rate-limit.ts';
export { revokeKey } from './revoke-key.ts';
export { allows, GRANTS, type Grant, type Scope } from './scopes.ts';
export { createTenant, findTenant, listTenants, type Tenant, tenantNames } from './tenants.ts';
