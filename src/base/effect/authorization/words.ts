import type { Address, Hex } from '../../kernel/index.ts';

/** Bytes of an ABI word; the functions beside it give them as hex without 0x. */
export const WORD = 32;

export function word(value: bigint): string {
  return value.toString(16).padStart(2 * WORD, '0');
}

export function addressWord(address: Address): string {
  return address.slice(2).padStart(2 * WORD, '0');
}

/** Of a call whose last argument are bytes: their length and themselves, filled up to words. */
export function bytesTail(bytes: Hex): string {
  const text = bytes.slice(2);
  const length = text.length / 2;
  return word(BigInt(length)) + text.padEnd(Math.ceil(length / WORD) * 2 * WORD, '0');
}
