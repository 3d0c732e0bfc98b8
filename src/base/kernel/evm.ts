import { type Hex, toHex } from './bytes.ts';
import { keccakBytes } from './keccak.ts';

/** A lower-case 0x address of 20 bytes. */
export type Address = Hex;

export const ZERO_ADDRESS: Address = '0x0000000000000000000000000000000000000000';

/** keccak256("Transfer(address,address,uint256)"), the first topic of every ERC-20 transfer's log. */
export const TRANSFER_TOPIC: Hex =
  '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/** keccak256("AuthorizationUsed(address,bytes32)"): an ERC-3009 token's word that it took a payer's authorization. */
export const AUTHORIZATION_USED_TOPIC: Hex =
  '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';

/**
 * Reads an address: 0x and 40 hex digits. All lower or all upper case is taken as it is; mixed case
 * must be the EIP-55 checksum.
 */
export function parseAddress(text: string): Address | 'syntax' | 'checksum' {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return 'syntax';
  const digits = text.slice(2);
  const lower = `0x${digits.toLowerCase()}` as Address;
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return lower;
  return checksummed(lower) === text ? lower : 'checksum';
}

/** The address of an uncompressed public key (65 bytes). */
export function addressOf(publicKey: Uint8Array): Address {
  return toHex(keccakBytes(publicKey.subarray(1)).subarray(12));
}

/** EIP-55: a digit is upper case where the hash of the lower-case address has a nibble of 8 or more. */
export function checksummed(address: Address): Hex {
  const known = checksums.get(address);
  if (known !== undefined) return known;
  const text = Buffer.from(address, 'latin1');
  const hash = keccakBytes(text.subarray(2));
  for (let index = 0; index < 40; index += 1) {
    const byte = hash[index >> 1]!;
    const nibble = index % 2 === 0 ? byte >> 4 : byte & 0x0f;
    // A letter's upper case is 32 below; digits have none.
    if (nibble >= 8 && text[index + 2]! > 0x60) text[index + 2]! -= 0x20;
  }
  const answer = text.toString('latin1') as Hex;
  if (checksums.size >= CHECKSUMS) checksums.clear();
  checksums.set(address, answer);
  return answer;
}

// An address is read and shown again within one request.
const CHECKSUMS = 10_000;
const checksums = new Map<Address, Hex>();

/** The chain-level idempotency key of a transaction: chain:from:nonce. */
export function nonceKey(chainId: number, from: Address, nonce: bigint): string {
  return `${chainId}:${from}:${nonce}`;
}

/** CAIP-19 ids: the ledger's names of assets, stable when the configuration renames them. */
export function caip19(chainId: number, token: Address | null): string {
  return token === null ? `eip155:${chainId}/slip44:60` : `eip155:${chainId}/erc20:${token}`;
}

export type Level = 'none' | 'included' | 'safe' | 'finalized';

/** From which level on a transaction's owner is told; also at every later one. */
export type SettleAt = Exclude<Level, 'none'>;
