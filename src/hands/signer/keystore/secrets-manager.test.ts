import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AwsStandIn } from '../../../../test/support/aws-stand-in.ts';
import { until } from '../../../../test/support/until.ts';
import { AWS_LIMITS, type AwsLimits } from '../../../base/aws/index.ts';
import type { KeySettings } from '../../../base/config/index.ts';
import {
  type Clock,
  ConfigurationError,
  silentLog,
  systemClock,
  Transient,
  toHex,
} from '../../../base/kernel/index.ts';
import { openKeystore } from './keystore.ts';
import { localKey } from './local.ts';
import { encryptV3 } from './v3.fixture.ts';

const SECRET = Buffer.alloc(32, 0x42);
const OTHER = Buffer.alloc(32, 0x43);
const DIGEST = Buffer.alloc(32, 9);

let aws: AwsStandIn;
beforeAll(async () => {
  aws = await AwsStandIn.start();
});
afterEach(() => {
  aws.secrets.clear();
  aws.faults.clear();
  aws.calls.length = 0;
});
afterAll(() => aws.stop());

const held = (password?: string): KeySettings => ({
  id: 'hot',
  kind: 'secretsManager',
  secretId: 's',
  ...(password === undefined ? {} : { password }),
  ...aws.place,
});

/** Minutes pass when the test says so. */
function minutes(): { clock: Clock; pass(): void } {
  let wake = () => {};
  const sleep = (ms: number, signal?: AbortSignal) => {
    if (ms < 60_000) return systemClock.sleep(ms, signal);
    return new Promise<void>((resolve) => {
      wake = resolve;
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  return { clock: { ...systemClock, sleep }, pass: () => wake() };
}

/** No request is tried again by its time-out on a slow machine: how often the service is asked is counted here. */
const UNHURRIED: AwsLimits = { ...AWS_LIMITS, attemptMs: 30_000, withinMs: 50_000 };
const open = (clock: Clock, log = silentLog, password?: string) =>
  openKeystore([held(password)], [], { clock, log, aws: UNHURRIED });

const asked = (operation: string) => aws.calls.filter((call) => call === operation).length;

describe('a secret is refused at the start', () => {
  it.each<[string, { text?: string; binary?: Buffer } | null, string | undefined, RegExp]>([
    [
      'that is no key',
      { text: 'hunter2' },
      undefined,
      /neither a private key of 64 hex digits nor/,
    ],
    [
      'that is a key in pairs',
      { text: '{"privateKey":"hunter2"}' },
      'p',
      /version is undefined, expected 3/,
    ],
    ['that is binary', { binary: SECRET }, undefined, /it is binary, expected text/],
    ['that is short', { text: 'ab'.repeat(31) }, undefined, /neither a private key/],
    ['that is no scalar', { text: '0'.repeat(64) }, undefined, /no secp256k1 private key/],
    [
      'without its password',
      { text: encryptV3(SECRET, 'p') },
      undefined,
      /no password is configured/,
    ],
    ['with another password', { text: encryptV3(SECRET, 'p') }, 'hunter2', /password is wrong/],
    ['that is not there', null, undefined, /GetSecretValue failed: ResourceNotFoundException/],
  ])('%s', async (_name, version, password, words) => {
    if (version !== null) aws.secrets.set('s', { id: 'v1', ...version });
    const opening = openKeystore([held(password)], [], { clock: systemClock, log: silentLog });
    const refused = await opening.catch((error) => error);
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect(refused.message).toMatch(/^key hot \(secret s\): /);
    expect(refused.message).toMatch(words);
    expect(refused.message).not.toMatch(/hunter2|abab|4242/);
  });
});

describe('a key in a secret', () => {
  it('is loaded once, however many sign', async () => {
    aws.secrets.set('s', { id: 'v1', text: toHex(SECRET) });
    const keystore = await open(systemClock);
    await Promise.all(Array.from({ length: 200 }, () => keystore.sign('hot', DIGEST)));
    keystore.stop();
    expect(aws.calls).toEqual(['GetSecretValue']);
  });

  it('is read again when its secret has a new version, and not before', async () => {
    aws.secrets.set('s', { id: 'v1', text: toHex(SECRET) });
    const { clock, pass } = minutes();
    const keystore = await open(clock, silentLog, 'p');
    const before = await keystore.sign('hot', DIGEST);
    pass();
    await until('a look', async () => asked('DescribeSecret') === 1);
    aws.secrets.set('s', { id: 'v2', text: encryptV3(SECRET, 'p') });
    await until('the next', async () => {
      pass();
      return asked('GetSecretValue') === 2;
    });
    expect(await keystore.sign('hot', DIGEST)).toEqual(before);
    keystore.stop();
  });

  it('is used no more when its secret holds another, until it holds it again; whoever asks meanwhile asks once', async () => {
    aws.secrets.set('s', { id: 'v1', text: toHex(SECRET) });
    const { clock, pass } = minutes();
    const lines: string[] = [];
    const log = { ...silentLog, error: (_fields: object, line?: string) => lines.push(line ?? '') };
    const keystore = await open(clock, log as typeof silentLog);
    const { address } = keystore;
    aws.secrets.set('s', { id: 'v2', text: toHex(OTHER) });
    await until('the rotation', async () => {
      // No minute passes once it is told: another look would be counted below.
      if (lines.length === 1) return true;
      pass();
      return false;
    });
    const looks = asked('DescribeSecret');
    const tries = Array.from({ length: 20 }, () => keystore.sign('hot', DIGEST));
    for (const one of await Promise.allSettled(tries)) {
      expect(one).toMatchObject({ status: 'rejected' });
      const { reason } = one as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(Transient);
      expect(reason.message).toMatch(
        `it holds the key of ${privateKeyToAddress(toHex(OTHER)).toLowerCase()} now; expected the key of ${address('hot')}`,
      );
    }
    expect(asked('DescribeSecret') - looks).toBe(1);
    expect(asked('GetSecretValue')).toBe(2);

    aws.secrets.set('s', { id: 'v3', text: toHex(SECRET) });
    await Promise.all(Array.from({ length: 20 }, () => keystore.sign('hot', DIGEST)));
    expect(asked('GetSecretValue')).toBe(3);
    keystore.stop();
  });

  it('is used no more when its new version is no key', async () => {
    aws.secrets.set('s', { id: 'v1', text: toHex(SECRET) });
    const { clock, pass } = minutes();
    const lines: string[] = [];
    const log = { ...silentLog, error: (_fields: object, line?: string) => lines.push(line ?? '') };
    const keystore = await open(clock, log as typeof silentLog);
    aws.secrets.set('s', { id: 'v2', text: 'hunter2' });
    await until('the rotation', async () => {
      pass();
      // That it was asked for is known before what came is.
      return lines.length > 0;
    });
    await expect(keystore.sign('hot', DIGEST)).rejects.toThrow(/neither a private key/);
    keystore.stop();
  });

  it('is kept while its service can not be asked', async () => {
    aws.secrets.set('s', { id: 'v1', text: toHex(SECRET) });
    const { clock, pass } = minutes();
    const lines: string[] = [];
    const log = { ...silentLog, warn: (_fields: object, line?: string) => lines.push(line ?? '') };
    const keystore = await open(clock, log as typeof silentLog);
    aws.faults.set('DescribeSecret', [{ kind: 'error', type: 'AccessDeniedException' }]);
    await until('a look', async () => {
      pass();
      return lines.length > 0;
    });
    expect(lines).toEqual(['whether a key was rotated is not known']);
    await keystore.sign('hot', DIGEST);
    keystore.stop();
  });

  it('is overwritten when it is given up', async () => {
    const secret = Buffer.from(SECRET);
    const key = localKey(secret);
    await key.sign(DIGEST);
    key.close();
    expect(secret).toEqual(Buffer.alloc(32));
    await expect(key.sign(DIGEST)).rejects.toThrow('the key was given up');
  });
});
