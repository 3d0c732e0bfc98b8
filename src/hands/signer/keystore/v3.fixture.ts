import { createCipheriv, pbkdf2Sync, scryptSync } from 'node:crypto';
import { keccak256 } from 'viem';

/** A keystore v3 file as another program could have written it, with cheap work unless told otherwise. */
export function encryptV3(
  secret: Buffer,
  password: string,
  kdf: 'scrypt' | 'pbkdf2' = 'scrypt',
  n = 16,
): string {
  const salt = Buffer.alloc(32, 5);
  const iv = Buffer.alloc(16, 6);
  const derived =
    kdf === 'scrypt'
      ? scryptSync(password, salt, 32, { N: n, r: 8, p: 1, maxmem: 2 ** 30 })
      : pbkdf2Sync(password, salt, 16, 32, 'sha256');
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  const kdfparams = kdf === 'scrypt' ? { n, r: 8, p: 1 } : { c: 16, prf: 'hmac-sha256' };
  return JSON.stringify({
    version: 3,
    Crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf,
      kdfparams: { ...kdfparams, dklen: 32, salt: salt.toString('hex') },
      mac: keccak256(Buffer.concat([derived.subarray(16), ciphertext])).slice(2),
    },
  });
}
