import secp256k1 from 'secp256k1';
import {
  signedTransaction,
  signingDigest,
  unsignedTransaction,
} from '../../src/base/effect/index.ts';
import { type Address, fromHex, type Hex } from '../../src/base/kernel/index.ts';

export const GWEI = 10n ** 9n;

export type Signed = { hash: Hex; bytes: Buffer };
export type Fields = {
  nonce: bigint;
  to: Address;
  value?: bigint;
  data?: Hex;
  gasLimit?: bigint;
  maxFeePerGas?: bigint;
  maxPriorityFeePerGas?: bigint;
  chainId?: number;
};

/** Signed bytes from the account of the key. */
export function sign(key: Hex, fields: Fields): Signed {
  const { nonce, to, value = 0n, data = '0x' } = fields;
  const unsigned = unsignedTransaction({
    chainId: fields.chainId ?? 31337,
    nonce,
    effect: { to, value, data },
    gasLimit: fields.gasLimit ?? 100_000n,
    maxFeePerGas: fields.maxFeePerGas ?? 10n * GWEI,
    maxPriorityFeePerGas: fields.maxPriorityFeePerGas ?? GWEI,
  });
  const { signature, recid } = secp256k1.ecdsaSign(signingDigest(unsigned), fromHex(key));
  const { raw, hash } = signedTransaction(unsigned, {
    r: Buffer.from(signature.subarray(0, 32)),
    s: Buffer.from(signature.subarray(32)),
    yParity: recid as 0 | 1,
  });
  return { hash, bytes: raw };
}
