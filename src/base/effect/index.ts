/**
 * Owns what one transaction does on chain: the effect of an intent, its calldata and digest, the bytes
 * that are signed, the digest that approvers sign, and whether a mined transaction did it. The single place
 * for each, so that the broadcaster, the signer, the tracker and approvers can not disagree. Pure: no state and no I/O, so a crash
 * here means nothing.
 */
export { type ApprovalContent, approvalDigest, approvalTypedData } from './approval.ts';
export {
  authorizationDigest,
  hasRunOut,
  isTaken,
  packAuthorization,
  readAuthorization,
  takenCall,
  unpackAuthorization,
} from './authorization/authorization.ts';
export { allowanceCall, isSettleOf, PERMIT2, proxyOf } from './authorization/permit2.ts';
export type { AuthorizationMethod, Ceiling } from './authorization/terms.ts';
export {
  authorizedEffectOf,
  EFFECT_GAS_LIMIT_CAP,
  type Effect,
  effectDigest,
  effectGasCap,
  effectOf,
  FILLER_GAS_LIMIT,
  fillerFeeCap,
  fillerOf,
  intentId,
} from './effect.ts';
export { checkEffect, type Mined, paidByTransfers, payerOf, transferOf } from './outcome.ts';
export {
  type Signature,
  signedTransaction,
  signingDigest,
  type UnsignedFields,
  unsignedTransaction,
} from './transaction.ts';
