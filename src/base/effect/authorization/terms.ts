import type { Address, Hex } from '../../kernel/index.ts';

/**
 * By which contract a payer's word is kept: the token's own (ERC-3009), or Permit2 for any token, of one amount or
 * (`upto`) of any up to one.
 */
export type AuthorizationMethod = 'eip3009' | 'permit2' | 'upto';

/** Of `upto`: the most that may be taken, in base units, and who alone may take it. */
export type Ceiling = { most: bigint; facilitator: Address };

/**
 * A payer's signed word that `payer` gives somebody a token, as the contract takes it. Times in seconds since the epoch.
 * Of ERC-3009 it is good after validAfter and before validBefore; of Permit2 it is good at both, and validBefore is its
 * deadline.
 */
export type Authorization = {
  method: AuthorizationMethod;
  payer: Address;
  validAfter: bigint;
  validBefore: bigint;
  /** 32 bytes. */
  nonce: Hex;
  signature: Hex;
  /** Null: what is paid is what was signed, whoever takes it. */
  ceiling: Ceiling | null;
};

/** What is paid by it. */
export type Terms = { token: Address; payTo: Address; amount: bigint };
