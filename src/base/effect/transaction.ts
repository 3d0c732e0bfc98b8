import { fromHex, type Hex, keccak256, keccakBytes, toHex } from '../kernel/index.ts';
import type { Effect } from './effect.ts';
import { rlpEncode, rlpList, rlpListPayload, rlpQuantity, rlpStrings } from './rlp.ts';

/** A transaction before its signature; fees in wei a gas. */
export type UnsignedFields = {
  /** EIP-2718's: 2 (unless told otherwise) is EIP-1559, 0 is legacy, its gas price the maxFeePerGas. */
  txType?: 0 | 2;
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
/** In the place of r and s, as EIP-155 has it. */
const NO_SIGNATURE = [rlpQuantity(0), rlpQuantity(0)];
const ZEROS = Buffer.concat(NO_SIGNATURE.map((zero) => rlpEncode(zero)));

/**
 * 0x02 and the RLP of the nine fields of EIP-1559 with an empty access list; or, for a chain without base fees,
 * the RLP of the six legacy fields and EIP-155's chain id, 0, 0.
 */
export function unsignedTransaction(fields: UnsignedFields): Buffer {
  const { effect } = fields;
  const nonce = rlpQuantity(fields.nonce);
  const maxFee = rlpQuantity(fields.maxFeePerGas);
  const gasLimit = rlpQuantity(fields.gasLimit);
  const call = [fromHex(effect.to), rlpQuantity(effect.value), fromHex(effect.data)];
  const chainId = rlpQuantity(fields.chainId);
  if (fields.txType === 0) {
    return rlpEncode([nonce, maxFee, gasLimit, ...call, chainId, ...NO_SIGNATURE]);
  }
  const tip = rlpQuantity(fields.maxPriorityFeePerGas);
  return Buffer.concat([
    TYPE_2,
    rlpEncode([chainId, nonce, tip, maxFee, gasLimit, ...call, NO_ACCESS_LIST]),
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
  const raw =
    unsigned[0] === TYPE_2[0]
      ? Buffer.concat([
          TYPE_2,
          signedList([rlpListPayload(unsigned.subarray(1))], signature.yParity, signature),
        ])
      : signedLegacy(unsigned, signature);
  return { raw, hash: keccak256(raw) };
}

/** EIP-155: v is twice the chain id, 35 and the parity; it takes the place of the chain id that was signed. */
function signedLegacy(unsigned: Buffer, signature: Signature): Buffer {
  const fields = rlpStrings(rlpListPayload(unsigned));
  const [chainId, ...zeros] = fields.splice(6);
  if (chainId === undefined || chainId[0] === 0x80 || !Buffer.concat(zeros).equals(ZEROS)) {
    throw new RangeError('not an unsigned transaction');
  }
  // One byte stands for itself, more have a byte before them that says how many.
  const value = chainId.length === 1 ? chainId : chainId.subarray(1);
  const v = BigInt(toHex(value)) * 2n + 35n + BigInt(signature.yParity);
  return signedList(fields, v, signature);
}

function signedList(
  items: readonly Buffer[],
  v: bigint | number,
  { r, s }: Pick<Signature, 'r' | 's'>,
): Buffer {
  return rlpList(
    ...items,
    rlpEncode(rlpQuantity(v)),
    rlpEncode(shortest(r)),
    rlpEncode(shortest(s)),
  );
}

/** r and s are integers to RLP: one in 256 of them starts with a zero byte that must go. */
function shortest(scalar: Buffer): Buffer {
  let zeros = 0;
  while (scalar[zeros] === 0) zeros += 1;
  return scalar.subarray(zeros);
}
