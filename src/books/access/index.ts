/**
 * Owns tenants, API keys, operators, scopes and idempotency keys. Promises that a key's secret exists only in the
 * answer that made it, that a key or an operator makes none with more rights, that a revocation, rotation or expiry
 * holds within a second on every process whether or not its notification arrives (an operator's rights and session:
 * with the next request), that a database that is away is never a yes (what was not checked for a second is
 * Transient), that an operator's rights come from two others or the owner, and that an idempotency key names one
 * resource for ever. Keeps no state that matters outside the database; a crash forgets cached answers, and a login
 * under way begins anew.
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
export { type ApiKey, listKeys, readKey } from './key-list.ts';
export type { KeyOrder } from './key-order.ts';
export {
  createKey,
  MOST_OVERLAP_MS,
  type NewApiKey,
  rotateKey,
} from './keys.ts';
export { LastUse } from './last-use.ts';
export {
  bindKey,
  findMerchant,
  findMerchantOf,
  type KeyMerchant,
  type Merchant,
  merchantAccount,
  merchantOfKey,
  putMerchant,
  retireMerchants,
} from './merchants.ts';
export { NonceBook } from './nonces.ts';
export {
  acceptInvitation,
  addPasskey,
  beginInvitation,
  beginLogin,
  finishLogin,
} from './operator/enter.ts';
export { inviteFirstAdmin } from './operator/first.ts';
export type { Invitation } from './operator/invitations.ts';
export {
  activateOperator,
  changeRoles,
  inviteOperator,
  recoverOperator,
  resumeOperator,
  suspendOperator,
} from './operator/manage.ts';
export { listOperators, type Operator, readOperator } from './operator/members.ts';
export {
  beginRegistration,
  listPasskeys,
  type Passkey,
  removePasskey,
} from './operator/passkeys.ts';
export { ROLES, type Role, rolesWith, scopesOf } from './operator/roles.ts';
export { endSession, type Membership, readSession, type Session } from './operator/sessions.ts';
export type { Actor } from './operator/tell.ts';
export { RateLimiter, type RateVerdict } from './rate-limit.ts';
export { revokeKey } from './revoke-key.ts';
export { allows, GRANTS, type Grant, isGrant, type Scope } from './scopes.ts';
export { createTenant, findTenant, listTenants, type Tenant, tenantNames } from './tenants.ts';
