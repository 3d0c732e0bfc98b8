import { createPublicKey } from 'node:crypto';
import type { GetPublicKeyCommandOutput } from '@aws-sdk/client-kms';
import secp256k1 from 'secp256k1';
import type { Signature } from '../../../base/effect/index.ts';

/** The 65 bytes of a key that signs for EVM chains. Throws Error that says what it is instead. */
export function publicKeyOf(answer: Partial<GetPublicKeyCommandOutput>): Buffer {
  const { KeySpec, KeyUsage, SigningAlgorithms = [], PublicKey } = answer;
  if (KeySpec !== 'ECC_SECG_P256K1') {
    throw new Error(`its key spec is ${KeySpec}, expected ECC_SECG_P256K1`);
  }
  if (KeyUsage !== 'SIGN_VERIFY') {
    throw new Error(`its key usage is ${KeyUsage}, expected SIGN_VERIFY`);
  }
  if (!SigningAlgorithms.includes('ECDSA_SHA_256')) {
    throw new Error(`it signs ${SigningAlgorithms.join(', ')}, expected ECDSA_SHA_256`);
  }
  const { crv, x = '', y = '' } = jwkOf(PublicKey ?? new Uint8Array());
  if (crv !== 'secp256k1') throw new Error(`its public key is of curve ${crv}, expected secp256k1`);
  const point = [x, y].map((text) => Buffer.from(text, 'base64url'));
  return Buffer.concat([Buffer.from([4]), ...point]);
}

function jwkOf(der: Uint8Array): { crv?: string; x?: string; y?: string } {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return key.export({ format: 'jwk' });
  } catch {
    throw new Error('its public key can not be read');
  }
}

/**
 * The low-s signature in DER that a KMS gave, with the parity that recovers the key. Throws Error when none does:
 * it is a signature by another key, or over something else.
 */
export function signatureOf(der: Uint8Array, digest: Buffer, publicKey: Buffer): Signature {
  const compact = parsed(der);
  const [r, s] = [compact.subarray(0, 32), compact.subarray(32)].map((half) => Buffer.from(half));
  for (const yParity of [0, 1] as const) {
    if (recovered(compact, yParity, digest)?.equals(publicKey)) return { r: r!, s: s!, yParity };
  }
  throw new Error('the signature it gave is not by this key over these bytes');
}

function parsed(der: Uint8Array): Uint8Array {
  try {
    return secp256k1.signatureNormalize(secp256k1.signatureImport(der));
  } catch {
    throw new Error('the signature it gave is no ECDSA signature in DER');
  }
}

/** Null where no point of the curve fits. */
function recovered(compact: Uint8Array, yParity: 0 | 1, digest: Buffer): Buffer | null {
  try {
    return Buffer.from(secp256k1.ecdsaRecover(compact, yParity, digest, false));
  } catch {
    return null;
  }
}
