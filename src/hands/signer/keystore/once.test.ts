import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256 } from 'viem';
import { afterAll, expect, it } from 'vitest';
import { silentLog, systemClock } from '../../../base/kernel/index.ts';
import { openKeystore } from './keystore.ts';
import { encryptV3 } from './v3.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-once-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is decrypted once at the start: neither its file nor its password is asked for again, however many sign at once', async () => {
  const file = join(folder, 'hot.json');
  // Work so dear (a tenth of a second) that 256 times of it would be seen.
  writeFileSync(file, encryptV3(Buffer.alloc(32, 7), 'secret', 'scrypt', 2 ** 15));
  const key = { id: 'hot', kind: 'keystore' as const, file, password: 'secret' };
  const keystore = await openKeystore([key], [], { clock: systemClock, log: silentLog });
  rmSync(file);
  key.password = 'another';
  const digests = Array.from({ length: 256 }, (_, n) =>
    Buffer.from(keccak256(Buffer.from([n]), 'bytes')),
  );
  const signed = await Promise.all(digests.map((digest) => keystore.sign('hot', digest)));
  expect(new Set(signed.map(({ r }) => r.toString('hex'))).size).toBe(256);
});
