import type { Address, Hex } from '../../kernel/index.ts';
import type { Authorization, Terms } from './terms.ts';
import { addressWord, bytesTail, WORD, word } from './words.ts';

/** Uniswap's Permit2, and the contract of x402 that its payers name as the spender: the same on every chain. */
export const PERMIT2: Address = '0x000000000022d473030f116ddee9f6b43ac78ba3';
export const EXACT_PROXY: Address = '0x402085c248eea27d92e8b30b2c58ed07f9e20001';

// settle(((address,uint256),uint256,uint256),address,(address,uint256),bytes)
const SETTLE = '0x13cd3b53';
// settleWithPermit((uint256,uint256,bytes32,bytes32,uint8),…): the same after five words
const SETTLE_WITH_PERMIT = '0xfa340378';
const PERMIT_WORDS = 5;

/** Calldata of the proxy's settle, which anybody may call: it pays what was signed to whom it was signed for. */
export function settleCall(terms: Terms, authorization: Authorization): Hex {
  const head = headOf(terms, authorization);
  return `${SETTLE}${head}${word(BigInt(8 * WORD))}${bytesTail(authorization.signature)}`;
}

/** Whether a call of the proxy, whoever makes it, settles this authorization; its signature may be in another form. */
export function isSettleOf(data: Hex, terms: Terms, authorization: Authorization): boolean {
  const head = headOf(terms, authorization);
  if (data.startsWith(SETTLE)) return data.startsWith(head, SETTLE.length);
  const skipped = SETTLE_WITH_PERMIT.length + PERMIT_WORDS * 2 * WORD;
  return data.startsWith(SETTLE_WITH_PERMIT) && data.startsWith(head, skipped);
}

/** Permit with token, amount, nonce and deadline; owner; witness with payee and the time from which it is good. */
function headOf({ token, payTo, amount }: Terms, authorization: Authorization): string {
  const { payer, validAfter, validBefore, nonce } = authorization;
  return (
    addressWord(token) +
    word(amount) +
    nonce.slice(2) +
    word(validBefore) +
    addressWord(payer) +
    addressWord(payTo) +
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
