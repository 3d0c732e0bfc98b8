import { createCipheriv, scryptSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256 } from 'viem';
import { afterAll, expect, it } from 'vitest';
import { openKeystore } from './keystore.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-once-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is decrypted once at the start: neither its file nor its password is asked for again, however many sign at once', async () => {
  const file = join(folder, 'hot.json');
  writeFileSync(file, encrypted(Buffer.alloc(32, 7), 'secret'));
  const key = { id: 'hot', kind: 'keystore' as const, file, password: 'secret' };
  const keystore = openKeystore([key], []);
  rmSync(file);
  key.password = 'another';
  const digests = Array.from({ length: 256 }, (_, n) =>
    Buffer.from(keccak256(Buffer.from([n]), 'bytes')),
  );
  const signed = await Promise.all(digests.map((digest) => keystore.sign('hot', digest)));
  expect(new Set(signed.map(({ r }) => r.toString('hex'))).size).toBe(256);
});

/** A v3 file whose work is so dear (a tenth of a second) that 256 times of it would be seen. */
function encrypted(secret: Buffer, password: string): string {
  const [salt, iv, n] = [Buffer.alloc(32, 1), Buffer.alloc(16, 2), 2 ** 15];
  const derived = scryptSync(password, salt, 32, { N: n, r: 8, p: 1, maxmem: 2 ** 30 });
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return JSON.stringify({
    version: 3,
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'scrypt',
      kdfparams: { n, r: 8, p: 1, dklen: 32, salt: salt.toString('hex') },
      mac: keccak256(Buffer.concat([derived.subarray(16), ciphertext])).slice(2),
    },
  });
}
