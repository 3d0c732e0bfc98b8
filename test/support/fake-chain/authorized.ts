import secp256k1 from 'secp256k1';
import { hashTypedData } from 'viem';
import {
  type Address,
  fromHex,
  type Hex,
  keccakBytes,
  toHex,
} from '../../../src/base/kernel/index.ts';
import type { TokenOptions } from './types.ts';

/** transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32) */
const BY_PARTS = '0xe3ee160e';
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

export type Authorized = {
  payer: Address;
  payTo: Address;
  amount: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
  /** Whose key signed it; null: nobody's. */
  signer: Address | null;
};

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** Reads calldata of ERC-3009 as a token does, by none of the code that made it; null: it is none. */
export function readAuthorized(
  { address: verifyingContract, eip712 }: TokenOptions,
  chainId: number,
  data: Hex,
): Authorized | null {
  if (eip712 === undefined || !data.startsWith(BY_PARTS) || data.length !== 10 + 9 * 64)
    return null;
  const word = (n: number) => data.slice(10 + n * 64, 74 + n * 64);
  const address = (n: number): Address => `0x${word(n).slice(24)}`;
  const number = (n: number) => BigInt(`0x${word(n)}`);
  const message = {
    from: address(0),
    to: address(1),
    value: number(2),
    validAfter: number(3),
    validBefore: number(4),
    nonce: `0x${word(5)}` as Hex,
  };
  const domain = { ...eip712, chainId, verifyingContract };
  const digest = hashTypedData({
    domain,
    types: TYPES,
    primaryType: 'TransferWithAuthorization',
    message,
  });
  const signer = signerOf(digest, { v: number(6), r: word(7), s: word(8) });
  const { from: payer, to: payTo, value: amount, ...rest } = message;
  return { payer, payTo, amount, ...rest, signer };
}

function signerOf(digest: Hex, { v, r, s }: { v: bigint; r: string; s: string }): Address | null {
  if ((v !== 27n && v !== 28n) || BigInt(`0x${s}`) > HALF_ORDER) return null;
  try {
    const pair = Buffer.from(r + s, 'hex');
    const key = secp256k1.ecdsaRecover(pair, Number(v) - 27, fromHex(digest), false);
    return toHex(keccakBytes(Buffer.from(key.subarray(1))).subarray(12)) as Address;
  } catch {
    return null;
  }
}
