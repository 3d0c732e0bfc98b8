import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AwsStandIn } from '../../../../test/support/aws-stand-in.ts';
import type { KeySettings } from '../../../base/config/index.ts';
import {
  type Address,
  ConfigurationError,
  type Log,
  silentLog,
  systemClock,
  Transient,
  toHex,
} from '../../../base/kernel/index.ts';
import { NO_GUARD } from '../guard.fixture.ts';
import { signingRules } from '../rules.ts';
import { openKeystore } from './keystore.ts';

const SECRET = Buffer.alloc(32, 0x42);
const OTHER = Buffer.alloc(32, 0x43);
const DIGEST = Buffer.alloc(32, 9);
const addressOfSecret = (secret: Buffer) =>
  privateKeyToAddress(toHex(secret)).toLowerCase() as Address;

let aws: AwsStandIn;
beforeAll(async () => {
  aws = await AwsStandIn.start();
});
afterEach(() => {
  aws.keys.clear();
  aws.faults.clear();
  aws.calls.length = 0;
});
afterAll(() => aws.stop());

const kms = (keyId = 'k', id = 'hot'): KeySettings => ({
  id,
  kind: 'kms',
  keyId,
  requestsPerSecond: 1_000,
  ...aws.place,
});
const QUICK = { attemptMs: 300, withinMs: 1_000, backOffBaseMs: 5 };
/** Where calls are counted: the first of the SDK takes longer than that on a busy machine. */
const PATIENT = { ...QUICK, attemptMs: 30_000, withinMs: 60_000 };
const open = (keys: KeySettings[] = [kms()], log: Log = silentLog, limits = QUICK) =>
  openKeystore(keys, [], { clock: systemClock, log, aws: limits });

describe('a KMS key is refused at the start', () => {
  it.each<[string, Parameters<AwsStandIn['keys']['set']>[1] | null, RegExp]>([
    [
      'of another curve',
      { secret: SECRET, spec: 'ECC_NIST_P256' },
      /key spec is ECC_NIST_P256, expected ECC_SECG_P256K1/,
    ],
    ['that is RSA', { secret: SECRET, spec: 'RSA_2048' }, /key spec is RSA_2048/],
    [
      'for another use',
      { secret: SECRET, usage: 'KEY_AGREEMENT' },
      /key usage is KEY_AGREEMENT, expected SIGN_VERIFY/,
    ],
    [
      'of another algorithm',
      { secret: SECRET, algorithms: ['SM2DSA'] },
      /it signs SM2DSA, expected ECDSA_SHA_256/,
    ],
    [
      'whose bytes are of another curve than it says',
      { secret: SECRET, publicKeyOf: 'P-256' },
      /public key is of curve P-256, expected secp256k1/,
    ],
    [
      'whose public key is rubbish',
      { secret: SECRET, publicKeyOf: 'rubbish' },
      /public key can not be read/,
    ],
    ['that does not exist', null, /GetPublicKey failed: NotFoundException: no such key/],
  ])('%s', async (_name, key, words) => {
    if (key !== null) aws.keys.set('k', key);
    const refused = await open(undefined, undefined, PATIENT).catch((error) => error);
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect(refused.message).toMatch(/^key hot \(KMS k\): /);
    expect(refused.message).toMatch(words);
    expect(aws.calls).toEqual(['GetPublicKey']);
  });

  it('where its lane has another address', async () => {
    aws.keys.set('k', { secret: SECRET });
    const keystore = await open();
    const address = addressOfSecret(OTHER);
    const wallet = { chain: 'base', chainId: 8453, address, key: 'hot', tenant: 'acme' };
    const lanes = [{ ...wallet, purpose: 'pay' as const, minGas: 0n, minBalances: [] }];
    const rules = () =>
      signingRules(
        { policyVersion: 'p', chains: [], assets: [], lanes, treasury: [], guard: NO_GUARD },
        keystore,
      );
    expect(rules).toThrow(ConfigurationError);
    expect(rules).toThrow(
      `lane ${address} on base: its key hot belongs to ${addressOfSecret(SECRET)}`,
    );
    keystore.stop();
  });

  it('where it may not be asked for', async () => {
    aws.faults.set('GetPublicKey', [{ kind: 'error', type: 'AccessDeniedException' }]);
    await expect(open()).rejects.toThrow(
      'key hot (KMS k): GetPublicKey failed: AccessDeniedException: as the test wants it',
    );
  });

  it('also while another one is waited for', async () => {
    aws.keys.set('k', { secret: SECRET });
    aws.faults.set(
      'GetPublicKey',
      Array.from({ length: 50 }, () => ({ kind: 'hang' })),
    );
    const wrong: KeySettings = { id: 'dev', kind: 'development', privateKey: '0x00' };
    await expect(open([kms(), wrong])).rejects.toThrow('key dev: it has 1 bytes, expected 32');
  });
});

describe('a KMS key', () => {
  it('is waited for when it can not be reached, which is told once', async () => {
    aws.keys.set('k', { secret: SECRET });
    const faults = Array.from({ length: 3 }, () => ({ kind: 'hang' }) as const);
    aws.faults.set('GetPublicKey', faults);
    const told: string[] = [];
    const log = { ...silentLog, warn: (_fields: object, line?: string) => told.push(line ?? '') };
    const limits = { ...QUICK, attemptMs: 50, withinMs: 60 };
    const keystore = await open([kms()], log as Log, limits);
    expect(keystore.address('hot')).toBe(addressOfSecret(SECRET));
    expect(told).toEqual(['waiting for a key']);
    keystore.stop();
  });

  it('is the one that its alias named at the start', async () => {
    aws.keys.set('alias/hot', { secret: SECRET, arn: 'arn:a' });
    aws.keys.set('arn:a', { secret: SECRET });
    const keystore = await open([kms('alias/hot')]);
    aws.keys.set('alias/hot', { secret: OTHER, arn: 'arn:b' });
    await keystore.sign('hot', DIGEST);
    keystore.stop();
  });

  it('signs although it is throttled, fails inside and does not answer', async () => {
    aws.keys.set('k', { secret: SECRET });
    const keystore = await open();
    aws.faults.set('Sign', [
      { kind: 'error', type: 'ThrottlingException' },
      { kind: 'hang' },
      { kind: 'error', type: 'KMSInternalException', status: 500 },
      { kind: 'error', type: 'LimitExceededException' },
    ]);
    await keystore.sign('hot', DIGEST);
    expect(aws.calls.filter((call) => call === 'Sign')).toHaveLength(5);
    keystore.stop();
  });

  it('is not reached when nothing answers in time', async () => {
    aws.keys.set('k', { secret: SECRET });
    const keystore = await open();
    aws.faults.set(
      'Sign',
      Array.from({ length: 9 }, () => ({ kind: 'hang' })),
    );
    await expect(keystore.sign('hot', DIGEST)).rejects.toThrow(Transient);
    keystore.stop();
  });

  it('that may not sign is told so at once', async () => {
    aws.keys.set('k', { secret: SECRET });
    const keystore = await open();
    aws.faults.set('Sign', [{ kind: 'error', type: 'AccessDeniedException' }]);
    await expect(keystore.sign('hot', DIGEST)).rejects.toThrow(
      'key hot (KMS k): Sign failed: AccessDeniedException',
    );
    expect(aws.calls).toEqual(['GetPublicKey', 'Sign']);
    keystore.stop();
  });

  it.each<[string, Partial<Parameters<AwsStandIn['keys']['set']>[1]>, RegExp]>([
    ['by another key', { secret: OTHER }, /not by this key over these bytes/],
    ['that is rubbish', { signature: Buffer.from('rubbish') }, /no ECDSA signature in DER/],
    ['that is nothing', { signature: Buffer.alloc(0) }, /no ECDSA signature in DER/],
    ['of zeros', { signature: Buffer.from('3006020100020100', 'hex') }, /not by this key/],
  ])('that gives a signature %s is not believed', async (_name, lie, words) => {
    aws.keys.set('k', { secret: SECRET });
    const keystore = await open();
    aws.keys.set('k', { secret: SECRET, ...lie });
    const lied = keystore.sign('hot', DIGEST);
    await expect(lied).rejects.toThrow(words);
    await expect(lied).rejects.toThrow(/^key hot \(KMS k\): /);
    keystore.stop();
  });

  it('that lies about its public key signs nothing', async () => {
    aws.keys.set('k', { secret: SECRET, publicKeyOf: OTHER });
    const keystore = await open();
    expect(keystore.address('hot')).toBe(addressOfSecret(OTHER));
    await expect(keystore.sign('hot', DIGEST)).rejects.toThrow(/not by this key/);
    keystore.stop();
  });
});
