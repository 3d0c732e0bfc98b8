import secp256k1 from 'secp256k1';
import { addressOf } from '../../../base/kernel/index.ts';
import type { Key } from './key.ts';

/**
 * A private key in this process's memory. It takes the buffer over and overwrites it when it is closed. Throws
 * Error that does not show it.
 */
export function localKey(secret: Buffer): Key {
  if (secret.length !== 32) throw new Error(`it has ${secret.length} bytes, expected 32`);
  if (!secp256k1.privateKeyVerify(secret)) throw new Error('it is no secp256k1 private key');
  const address = addressOf(secp256k1.publicKeyCreate(secret, false));
  let closed = false;
  return {
    address,
    held: true,
    sign: async (digest) => {
      if (closed) throw new Error('the key was given up');
      // libsecp256k1: RFC 6979 nonces and low s, so the same digest gives the same signature.
      const { signature, recid } = secp256k1.ecdsaSign(digest, secret);
      return {
        r: Buffer.from(signature.subarray(0, 32)),
        s: Buffer.from(signature.subarray(32, 64)),
        yParity: recid === 0 ? 0 : 1,
      };
    },
    close: () => {
      closed = true;
      secret.fill(0);
    },
  };
}
