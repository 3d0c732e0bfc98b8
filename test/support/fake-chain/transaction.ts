import secp256k1 from 'secp256k1';
import { fromRlp, toRlp } from 'viem';
import {
  type Address,
  fromHex,
  type Hex,
  keccak256,
  keccakBytes,
  toHex,
} from '../../../src/base/kernel/index.ts';
import type { Transaction } from './types.ts';

/** Half of the order of secp256k1: EIP-2 refuses an s above it. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
const UNDECODABLE = 'Failed to decode transaction';

/**
 * Reads signed bytes as a node does, by none of the code that made them: 0x02 and the RLP of the twelve fields
 * of EIP-1559. Throws with a node's words on what is no such transaction.
 */
export function readTransaction(bytes: Buffer): Transaction {
  const fields = fieldsOf(bytes);
  const word = (at: number): Hex => {
    const value = fields[at];
    // Integers have no leading zero byte.
    if (typeof value !== 'string' || value.startsWith('0x00')) throw new Error(UNDECODABLE);
    return value as Hex;
  };
  const quantity = (at: number) => (word(at) === '0x' ? 0n : BigInt(word(at)));
  const [to, data] = [fields[5], fields[7]];
  if (typeof to !== 'string' || to.length !== 42 || typeof data !== 'string') {
    throw new Error(UNDECODABLE);
  }
  if (quantity(11) > HALF_ORDER) throw new Error('invalid transaction v, r, s values');
  return {
    hash: keccak256(bytes),
    bytes,
    chainId: Number(quantity(0)),
    from: senderOf(fields.slice(0, 9), { yParity: Number(quantity(9)), r: word(10), s: word(11) }),
    nonce: quantity(1),
    maxPriorityFeePerGas: quantity(2),
    maxFeePerGas: quantity(3),
    gasLimit: quantity(4),
    to: to as Address,
    value: quantity(6),
    data: data as Hex,
  };
}

type Rlp = Hex | readonly Rlp[];

function fieldsOf(bytes: Buffer): readonly Rlp[] {
  try {
    const fields = fromRlp(toHex(bytes.subarray(1)), 'hex') as Rlp;
    if (bytes[0] === 2 && Array.isArray(fields) && fields.length === 12) return fields;
  } catch {
    // Said below.
  }
  throw new Error(UNDECODABLE);
}

function senderOf(
  unsigned: readonly Rlp[],
  { yParity, r, s }: { yParity: number; r: Hex; s: Hex },
) {
  const pair = [r, s].map((scalar) => scalar.slice(2).padStart(64, '0')).join('');
  const digest = keccakBytes(Buffer.concat([Buffer.from([2]), fromHex(toRlp(unsigned as never))]));
  try {
    const key = secp256k1.ecdsaRecover(Buffer.from(pair, 'hex'), yParity, digest, false);
    return toHex(keccakBytes(key.subarray(1)).subarray(12));
  } catch {
    throw new Error('invalid sender');
  }
}
