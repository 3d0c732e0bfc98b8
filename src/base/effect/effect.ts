import {
  type Address,
  fromHex,
  type Hex,
  keccak256,
  lengthPrefixed,
  MAX_UINT256,
} from '../kernel/index.ts';
import { unpackAuthorization } from './authorization/authorization.ts';
import { authorizationCall } from './authorization/eip3009.ts';
import { proxyOf, settleCall } from './authorization/permit2.ts';
import type { Authorization, Terms } from './authorization/terms.ts';
import { rlpEncode, rlpQuantity } from './rlp.ts';

/** What a transaction does: the call that a lane makes. Value in wei. */
export type Effect = { to: Address; value: bigint; data: Hex };

/**
 * What is to be paid: `amount` base units of the token, or of the native coin when it is null. With an authorization (packed)
 * the payer who signed it pays, and the lane only the gas.
 */
export type Intent = {
  token: Address | null;
  recipient: Address;
  amount: bigint;
  payerAuthorization?: Hex | null;
};

/** A transfer without calldata to an account without code costs exactly this. */
export const FILLER_GAS_LIMIT = 21_000n;

/** Far above a token transfer, far below a block: what a broken estimate can burn at most. */
export const EFFECT_GAS_LIMIT_CAP = 1_000_000n;

/**
 * The same of a payment that its payer authorized: what its wallet's code takes to look at a signature is the payer's doing,
 * and may be more in the block than it was when it was tried.
 */
const AUTHORIZED_GAS_LIMIT_CAP = 350_000n;

/** The most gas that an effect may have. */
export function effectGasCap({ payerAuthorization }: Pick<Intent, 'payerAuthorization'>): bigint {
  return payerAuthorization ? AUTHORIZED_GAS_LIMIT_CAP : EFFECT_GAS_LIMIT_CAP;
}

// transfer(address,uint256)
const TRANSFER_SELECTOR = 'a9059cbb';

/** Half as much again as an effect's: the filler must be able to replace an effect that already bids the cap. */
export function fillerFeeCap(maxFeePerGas: bigint): bigint {
  return (maxFeePerGas * 3n) / 2n;
}

/**
 * The call that pays the intent. Throws RangeError when the amount is not a positive uint256, or an authorization is
 * none.
 */
export function effectOf(intent: Intent): Effect {
  const { token, recipient, amount } = intent;
  if (amount <= 0n || amount > MAX_UINT256) throw new RangeError('an amount is a positive uint256');
  if (token === null) return { to: recipient, value: amount, data: '0x' };
  if (intent.payerAuthorization) {
    const terms = { token, payTo: recipient, amount };
    return authorizedEffectOf(terms, unpackAuthorization(intent.payerAuthorization));
  }
  const to = recipient.slice(2).toLowerCase().padStart(64, '0');
  return {
    to: token,
    value: 0n,
    data: `0x${TRANSFER_SELECTOR}${to}${amount.toString(16).padStart(64, '0')}`,
  };
}

/** The call by which the payer who signed the authorization pays. */
export function authorizedEffectOf(terms: Terms, authorization: Authorization): Effect {
  const proxy = proxyOf(authorization.method);
  return proxy === null
    ? { to: terms.token, value: 0n, data: authorizationCall(terms, authorization) }
    : { to: proxy, value: 0n, data: settleCall(terms, authorization) };
}

/** The zero-value self-transfer that closes a nonce without paying. */
export function fillerOf(from: Address): Effect {
  return { to: from, value: 0n, data: '0x' };
}

/**
 * keccak256 of RLP [chainId, from, to, value, data]: the identity of what a slot is for. The nonce is
 * the slot's and the fees are an attempt's, so neither is part of it: a replacement has the same digest.
 */
export function effectDigest(chainId: number, from: Address, effect: Effect): Hex {
  return keccak256(
    rlpEncode([
      rlpQuantity(chainId),
      fromHex(from),
      fromHex(effect.to),
      rlpQuantity(effect.value),
      fromHex(effect.data),
    ]),
  );
}

/**
 * The identity of what is to happen once, never generated: keccak256 over length-prefixed parts.
 * Ids are lower-case uuids as the database writes them.
 */
export function intentId(parts: {
  installationId: string;
  tenantId: string;
  operation: string;
  idempotencyKey: string;
}): Hex {
  const { installationId, tenantId, operation, idempotencyKey } = parts;
  return keccak256(lengthPrefixed([installationId, tenantId, operation, idempotencyKey]));
}
