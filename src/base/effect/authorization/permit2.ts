import type { Address, Hex } from '../../kernel/index.ts';
import type { Authorization, AuthorizationMethod, Terms } from './terms.ts';
import { addressWord, bytesTail, WORD, word } from './words.ts';

/** Uniswap's Permit2: the same on every chain. */
export const PERMIT2: Address = '0x000000000022d473030f116ddee9f6b43ac78ba3';

/** The contracts of x402 that payers name as the spender, the same on every chain too. */
const PROXIES = {
  permit2: {
    address: '0x402085c248eea27d92e8b30b2c58ed07f9e20001' as Address,
    // settle(((address,uint256),uint256,uint256),address,(address,uint256),bytes)
    settle: '0x13cd3b53',
    // settleWithPermit((uint256,uint256,bytes32,bytes32,uint8),…): the same after five words
    settleWithPermit: '0xfa340378',
  },
  upto: {
    address: '0x4020a4f3b7b90cca423b9fabcc0ce57c6c240002' as Address,
    // settle(((address,uint256),uint256,uint256),uint256,address,(address,address,uint256),bytes)
    settle: '0xff11e7b4',
    settleWithPermit: '0x016c1748',
  },
} as const;
const PERMIT_WORDS = 5;

/** Who takes a payer's tokens from Permit2; null: the token keeps the authorization itself. */
export function proxyOf(method: AuthorizationMethod): Address | null {
  return method === 'eip3009' ? null : PROXIES[method].address;
}

/**
 * Calldata of a proxy's settle. Of an authorization without a ceiling anybody may call it, and it pays what was signed; of
 * one with a ceiling its facilitator alone. Either pays nobody but whom it was signed for.
 */
export function settleCall(terms: Terms, authorization: Authorization): Hex {
  const head = headOf(terms, authorization);
  const bytesAt = word(BigInt(head.length / 2 + WORD));
  return `${selectorsOf(authorization).settle}${head}${bytesAt}${bytesTail(authorization.signature)}`;
}

/** Whether a call of the proxy, whoever makes it, settles this authorization; its signature may be in another form. */
export function isSettleOf(data: Hex, terms: Terms, authorization: Authorization): boolean {
  const { settle, settleWithPermit } = selectorsOf(authorization);
  const head = headOf(terms, authorization);
  if (data.startsWith(settle)) return data.startsWith(head, settle.length);
  const skipped = settleWithPermit.length + PERMIT_WORDS * 2 * WORD;
  return data.startsWith(settleWithPermit) && data.startsWith(head, skipped);
}

function selectorsOf({ ceiling }: Authorization) {
  return ceiling === null ? PROXIES.permit2 : PROXIES.upto;
}

/**
 * Permit with token, amount, nonce and deadline; with a ceiling the amount to take of it; owner; witness with payee,
 * with a ceiling its facilitator, and the time from which it is good.
 */
function headOf({ token, payTo, amount }: Terms, authorization: Authorization): string {
  const { payer, validAfter, validBefore, nonce, ceiling } = authorization;
  return (
    addressWord(token) +
    word(ceiling?.most ?? amount) +
    nonce.slice(2) +
    word(validBefore) +
    (ceiling === null ? '' : word(amount)) +
    addressWord(payer) +
    addressWord(payTo) +
    (ceiling === null ? '' : addressWord(ceiling.facilitator)) +
    word(validAfter)
  );
}

// nonceBitmap(address,uint256): 256 nonces a word
export function nonceBitmapCall(payer: Address, nonce: Hex): Hex {
  return `0x4fe02b44${addressWord(payer)}${word(BigInt(nonce) >> 8n)}`;
}

export function isInBitmap(bitmap: Hex, nonce: Hex): boolean {
  return ((BigInt(bitmap) >> (BigInt(nonce) & 255n)) & 1n) === 1n;
}

// allowance(address,address), of what a token's holder lets Permit2 take
export function allowanceCall(payer: Address): Hex {
  return `0xdd62ed3e${addressWord(payer)}${addressWord(PERMIT2)}`;
}
