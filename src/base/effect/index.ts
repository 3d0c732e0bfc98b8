/**
 * Owns what one transaction does on chain: the effect of an intent, its calldata and digest, the bytes
 * that are signed, and whether a mined transaction did it. The single place for each, so that the
 * broadcaster, the signer and the tracker can not disagree. Pure: no state and no I/O, so a crash
 * here means nothing.
 */
export {
  type Effect,
  effectDigest,
  effectOf,
  FILLER_GAS_LIMIT,
  fillerFeeCap,
  fillerOf,
  intentId,
} from './effect.ts';
export { checkEffect, type Mined, paidByTransfers, transferOf } from './outcome.ts';
export {
  type Signature,
  signedTransaction,
  signingDigest,
  type UnsignedFields,
  unsignedTransaction,
} from './transaction.ts';
