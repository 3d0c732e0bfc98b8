import secp256k1 from 'secp256k1';
import { type Address, addressOf, fromHex, type Hex } from '../../../base/kernel/index.ts';

/** Half of the group's order: a signature above it is the other form of one below, which tokens refuse. */
const HALF_ORDER = Buffer.from(
  '7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0',
  'hex',
);

/**
 * Whose key signed the digest; null where the bytes are no signature of a key in the one form that tokens take: r, s in
 * the lower half, v of 27 or 28.
 */
export function recoverSigner(digest: Buffer, signature: Hex): Address | null {
  const bytes = fromHex(signature);
  const v = bytes[64];
  if (bytes.length !== 65 || (v !== 27 && v !== 28)) return null;
  if (bytes.subarray(32, 64).compare(HALF_ORDER) > 0) return null;
  try {
    return addressOf(secp256k1.ecdsaRecover(bytes.subarray(0, 64), v - 27, digest, false));
  } catch {
    return null;
  }
}

/** Some wallets write v as 0 or 1; the same signature with 27 or 28. */
export function canonicalSignature(signature: Hex): Hex {
  if (signature.length !== 2 + 2 * 65) return signature;
  const v = signature.slice(-2);
  if (v !== '00' && v !== '01') return signature;
  return `${signature.slice(0, -2)}${v === '00' ? '1b' : '1c'}` as Hex;
}
