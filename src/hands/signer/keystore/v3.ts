import { createDecipheriv, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { keccakBytes } from '../../../base/kernel/index.ts';

/** Memory that a file may ask scrypt for: four times what the usual N = 2^18, r = 8 needs. */
const SCRYPT_MAX_BYTES = 1024 * 1024 * 1024;
const PBKDF2_MAX_ROUNDS = 10_000_000;

/**
 * The private key in a Web3 Secret Storage file, version 3 (scrypt or pbkdf2 with HMAC-SHA-256,
 * aes-128-ctr, keccak256 mac). Throws Error with what does not fit; a wrong password and a
 * damaged file are one and the same to the mac. Takes as long as the file's kdf demands: call it once.
 */
export function decryptKeystoreV3(json: string, password: string): Buffer {
  const file = lowerKeys(parseJson(json), 'the file');
  if (file['version'] !== 3) throw new Error(`version is ${String(file['version'])}, expected 3`);
  const crypto = lowerKeys(file['crypto'], 'crypto');
  if (crypto['cipher'] !== 'aes-128-ctr') {
    throw new Error(`cipher is ${String(crypto['cipher'])}, expected aes-128-ctr`);
  }
  const iv = hexBytes(lowerKeys(crypto['cipherparams'], 'cipherparams')['iv'], 'iv', 16);
  const ciphertext = hexBytes(crypto['ciphertext'], 'ciphertext', 32);
  const mac = hexBytes(crypto['mac'], 'mac', 32);
  const derived = deriveKey(crypto['kdf'], lowerKeys(crypto['kdfparams'], 'kdfparams'), password);
  try {
    const expected = keccakBytes(Buffer.concat([derived.subarray(16, 32), ciphertext]));
    if (!timingSafeEqual(expected, mac))
      throw new Error('the password is wrong or the file is damaged');
    const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } finally {
    derived.fill(0);
  }
}

function deriveKey(kdf: unknown, params: Record<string, unknown>, password: string): Buffer {
  const salt = hexBytes(params['salt'], 'salt');
  const length = whole(params['dklen'], 'dklen', 32, 64);
  if (kdf === 'scrypt') {
    const N = whole(params['n'], 'n', 2, 2 ** 24);
    const r = whole(params['r'], 'r', 1, 64);
    const p = whole(params['p'], 'p', 1, 64);
    // RFC 7914; OpenSSL holds it, and would call it a lack of memory.
    if (N >= 2 ** (16 * r))
      throw new Error(`n is ${N}, expected less than 2^${16 * r} with r ${r}`);
    // Node wants more than the 128·N·r of the algorithm itself.
    const maxmem = 128 * (N + p + 2) * r + 1024 * 1024;
    if (maxmem > SCRYPT_MAX_BYTES) throw new Error('scrypt would need more than 1 GiB of memory');
    return scryptSync(password, salt, length, { N, r, p, maxmem });
  }
  if (kdf === 'pbkdf2') {
    if (params['prf'] !== 'hmac-sha256') {
      throw new Error(`prf is ${String(params['prf'])}, expected hmac-sha256`);
    }
    return pbkdf2Sync(
      password,
      salt,
      whole(params['c'], 'c', 1, PBKDF2_MAX_ROUNDS),
      length,
      'sha256',
    );
  }
  throw new Error(`kdf is ${String(kdf)}, expected scrypt or pbkdf2`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
}

// Old geth wrote "Crypto"; other wallets differ in the case of further names.
function lowerKeys(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${name} is missing`);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.toLowerCase(), part]));
}

function hexBytes(value: unknown, name: string, length?: number): Buffer {
  const text = typeof value === 'string' ? value.replace(/^0x/, '') : '';
  if (text === '' || !/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw new Error(`${name} is not hex`);
  const bytes = Buffer.from(text, 'hex');
  if (length !== undefined && bytes.length !== length) {
    throw new Error(`${name} has ${bytes.length} bytes, expected ${length}`);
  }
  return bytes;
}

function whole(value: unknown, name: string, lowest: number, highest: number): number {
  if (!Number.isInteger(value) || (value as number) < lowest || (value as number) > highest) {
    throw new Error(`${name} is ${String(value)}, expected ${lowest} to ${highest}`);
  }
  return value as number;
}
