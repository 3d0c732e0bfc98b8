import { getAddress } from 'viem';
import type { Hex } from './bytes.ts';

/** A lower-case 0x address of 20 bytes. */
export type Address = Hex;

export const ZERO_ADDRESS: Address = '0x0000000000000000000000000000000000000000';

/**
 * Reads an address: 0x and 40 hex digits. All lower or all upper case is taken as it is; mixed case
 * must be the EIP-55 checksum.
 */
export function parseAddress(text: string): Address | 'syntax' | 'checksum' {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return 'syntax';
  const digits = text.slice(2);
  const lower = `0x${digits.toLowerCase()}` as Address;
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return lower;
  return getAddress(lower) === text ? lower : 'checksum';
}

export function checksummed(address: Address): Hex {
  return getAddress(address);
}

/** The chain-level idempotency key of a transaction: chain:from:nonce. */
export function nonceKey(chainId: number, from: Address, nonce: bigint): string {
  return `${chainId}:${from}:${nonce}`;
}

/** CAIP-19 ids: the ledger's names of assets, stable when the configuration renames them. */
export function caip19(chainId: number, token: Address | null): string {
  return token === null ? `eip155:${chainId}/slip44:60` : `eip155:${chainId}/erc20:${token}`;
}

export type Level = 'none' | 'included' | 'safe' | 'finalized';
