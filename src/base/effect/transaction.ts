import { fromHex, type Hex, keccak256, keccakBytes, toHex } from '../kernel/index.ts';
import type { Effect } from './effect.ts';
import { rlpEncode, rlpList, rlpListPayload, rlpQuantity } from './rlp.ts';

/** An EIP-1559 transaction before its signature; fees in wei a gas. */
export type UnsignedFields = {
  chainId: number;
  nonce: bigint;
  effect: Effect;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
};

/** r and s are 32 bytes each, s in the lower half of the group's order (EIP-2). */
export type Signature = { r: Buffer; s: Buffer; yParity: 0 | 1 };

const TYPE_2 = Buffer.from([0x02]);
const NO_ACCESS_LIST: readonly Buffer[] = [];

/** 0x02 and the RLP of the nine fields of EIP-1559 with an empty access list. */
export function unsignedTransaction(fields: UnsignedFields): Buffer {
  return Buffer.concat([
    TYPE_2,
    rlpEncode([
      rlpQuantity(fields.chainId),
      rlpQuantity(fields.nonce),
      rlpQuantity(fields.maxPriorityFeePerGas),
      rlpQuantity(fields.maxFeePerGas),
      rlpQuantity(fields.gasLimit),
      fromHex(fields.effect.to),
      rlpQuantity(fields.effect.value),
      fromHex(fields.effect.data),
      NO_ACCESS_LIST,
    ]),
  ]);
}

/** The 32 bytes that are signed. */
export function signingDigest(unsigned: Buffer): Buffer {
  return keccakBytes(unsigned);
}

/**
 * The bytes a node takes and their hash. Works on the unsigned bytes themselves, not on fields, so
 * that what was journaled is what is sent.
 */
export function signedTransaction(
  unsigned: Buffer,
  signature: Signature,
): { raw: Buffer; hash: Hex } {
  if (unsigned[0] !== TYPE_2[0]) throw new RangeError('not an unsigned type-2 transaction');
  const raw = Buffer.concat([
    TYPE_2,
    rlpList(
      Buffer.concat([
        rlpListPayload(unsigned.subarray(1)),
        rlpEncode(rlpQuantity(signature.yParity)),
        rlpEncode(shortest(signature.r)),
        rlpEncode(shortest(signature.s)),
      ]),
    ),
  ]);
  return { raw, hash: keccak256(raw) };
}

/** r and s are integers to RLP: one in 256 of them starts with a zero byte that must go. */
function shortest(scalar: Buffer): Buffer {
  return rlpQuantity(BigInt(toHex(scalar)));
}
