import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, beforeAll, describe } from 'vitest';
import { keystoreConformance } from '../../../../test/conformance/keystore.ts';
import { AwsStandIn } from '../../../../test/support/aws-stand-in.ts';
import type { KeySettings } from '../../../base/config/index.ts';
import { type Address, silentLog, systemClock, toHex } from '../../../base/kernel/index.ts';
import type { Key } from './key.ts';
import { openKeystore } from './keystore.ts';
import { SigningThread } from './thread.ts';
import { encryptV3 } from './v3.fixture.ts';

const SECRET = Buffer.alloc(32, 0x42);
const folder = mkdtempSync(join(tmpdir(), 'payonce-keys-'));
let aws: AwsStandIn;
beforeAll(async () => {
  aws = await AwsStandIn.start();
  aws.keys.set('even', { secret: SECRET });
  aws.keys.set('high-s', { secret: SECRET, highS: true });
  aws.secrets.set('hex', { id: 'v1', text: `${toHex(SECRET)}\n` });
  aws.secrets.set('v3', { id: 'v1', text: encryptV3(SECRET, 'p') });
  writeFileSync(join(folder, 'hot.json'), encryptV3(SECRET, 'p'));
});
afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true });
});

const thread = new SigningThread();
afterAll(() => thread.stop());

describe.each<[string, () => KeySettings, ((secret: Buffer) => Key)?]>([
  ['a development key', () => ({ id: 'hot', kind: 'development', privateKey: toHex(SECRET) })],
  [
    'a key in a thread of its own',
    () => ({ id: 'hot', kind: 'development', privateKey: toHex(SECRET) }),
    (secret) => thread.hold(secret),
  ],
  [
    'a keystore v3 file',
    () => ({ id: 'hot', kind: 'keystore', file: join(folder, 'hot.json'), password: 'p' }),
  ],
  [
    'a hex key in AWS Secrets Manager',
    () => ({ id: 'hot', kind: 'secretsManager', secretId: 'hex', ...aws.place }),
  ],
  [
    'a keystore v3 file in AWS Secrets Manager',
    () => ({ id: 'hot', kind: 'secretsManager', secretId: 'v3', password: 'p', ...aws.place }),
  ],
  [
    'a key in AWS KMS',
    () => ({ id: 'hot', kind: 'kms', keyId: 'even', requestsPerSecond: 10_000, ...aws.place }),
  ],
  [
    'a key in AWS KMS that gives high s',
    () => ({ id: 'hot', kind: 'kms', keyId: 'high-s', requestsPerSecond: 10_000, ...aws.place }),
  ],
])('%s', (_name, settings, hold) => {
  keystoreConformance(() => ({
    open: () =>
      openKeystore([settings()], [], {
        clock: systemClock,
        log: silentLog,
        ...(hold === undefined ? {} : { hold }),
      }),
    address: privateKeyToAddress(toHex(SECRET)).toLowerCase() as Address,
  }));
});
