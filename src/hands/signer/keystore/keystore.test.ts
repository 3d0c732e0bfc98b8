import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import secp256k1 from 'secp256k1';
import { keccak256 } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, describe, expect, it } from 'vitest';
import type { KeySettings, LaneSettings } from '../../../base/config/index.ts';
import {
  type Address,
  ConfigurationError,
  type Hex,
  silentLog,
  systemClock,
} from '../../../base/kernel/index.ts';
import { openKeystore } from './keystore.ts';
import { encryptV3 } from './v3.fixture.ts';
import { decryptKeystoreV3 } from './v3.ts';

// The pbkdf2 test vector of the Web3 Secret Storage definition.
const VECTOR_KEY = '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';
const PBKDF2 = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
};
const PASSWORD = 'testpassword';

const folder = mkdtempSync(join(tmpdir(), 'payonce-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));
function onDisk(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

const DEV_KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const DEV: KeySettings = { id: 'dev', kind: 'development', privateKey: DEV_KEY };
const WITH = { clock: systemClock, log: silentLog };
const lane = (chainId: number, key = 'dev'): LaneSettings => ({
  chain: 'c',
  chainId,
  address: '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
  key,
  tenant: 'demo',
  purpose: 'pay',
  minGas: 0n,
  minBalances: [],
});

describe('decryptKeystoreV3', () => {
  it('opens the published vector', () => {
    expect(decryptKeystoreV3(JSON.stringify(PBKDF2), PASSWORD).toString('hex')).toBe(VECTOR_KEY);
  });

  it("opens a file with scrypt's usual work, n 2^18 and r 8", () => {
    const file = encryptV3(Buffer.alloc(32, 3), 'p', 'scrypt', 2 ** 18);
    expect(decryptKeystoreV3(file, 'p')).toEqual(Buffer.alloc(32, 3));
  });

  it('opens what was encrypted, whatever the key and the password', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.string(),
        fc.constantFrom('scrypt' as const, 'pbkdf2' as const),
        (secret, password, kdf) => {
          const file = encryptV3(Buffer.from(secret), password, kdf);
          expect(decryptKeystoreV3(file, password)).toEqual(Buffer.from(secret));
          expect(() => decryptKeystoreV3(file, `${password}x`)).toThrow(/password is wrong/);
        },
      ),
      { numRuns: 30 },
    );
  });

  const good = JSON.parse(encryptV3(Buffer.alloc(32, 1), 'p', 'scrypt'));
  const broken = (crypto: object, top: object = {}) =>
    JSON.stringify({ ...good, ...top, Crypto: { ...good.Crypto, ...crypto } });
  it.each([
    ['no JSON', '{', /not JSON/],
    ['a bare word', '"x"', /the file is missing/],
    ['another version', broken({}, { version: 1 }), /version is 1, expected 3/],
    ['no crypto part', '{"version":3}', /crypto is missing/],
    ['another cipher', broken({ cipher: 'aes-256-cbc' }), /cipher is aes-256-cbc/],
    ['another kdf', broken({ kdf: 'argon2' }), /kdf is argon2/],
    [
      'another prf',
      broken({ kdf: 'pbkdf2', kdfparams: { ...good.Crypto.kdfparams, c: 1, prf: 'x' } }),
      /prf is x/,
    ],
    [
      'a salt that is no hex',
      broken({ kdfparams: { ...good.Crypto.kdfparams, salt: 'xyz' } }),
      /salt is not hex/,
    ],
    ['a short iv', broken({ cipherparams: { iv: '00' } }), /iv has 1 bytes, expected 16/],
    ['a short ciphertext', broken({ ciphertext: '00' }), /ciphertext has 1 bytes/],
    [
      'a short derived key',
      broken({ kdfparams: { ...good.Crypto.kdfparams, dklen: 16 } }),
      /dklen is 16/,
    ],
    [
      'a demand for all memory',
      broken({ kdfparams: { ...good.Crypto.kdfparams, n: 2 ** 24, r: 64 } }),
      /1 GiB/,
    ],
    [
      'scrypt beyond its definition',
      broken({ kdfparams: { ...good.Crypto.kdfparams, n: 2 ** 18, r: 1 } }),
      /n is 262144, expected less than 2\^16/,
    ],
    ['another mac', broken({ mac: '00'.repeat(32) }), /damaged/],
  ])('refuses %s', (_name, file, words) => {
    expect(() => decryptKeystoreV3(file, 'p')).toThrow(words);
  });
});

describe('openKeystore', () => {
  it('gives a development key its address and signs what recovers to it, with low s, always alike', async () => {
    const keystore = await openKeystore([DEV], [lane(31337)], WITH);
    expect(keystore.address('dev')).toBe('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266');
    expect(keystore.address('other')).toBeUndefined();
    const half = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
    for (let n = 0; n < 50; n += 1) {
      const digest = Buffer.from(keccak256(Buffer.from([n]), 'bytes'));
      const { r, s, yParity } = await keystore.sign('dev', digest);
      expect([r.length, s.length]).toEqual([32, 32]);
      expect(BigInt(`0x${s.toString('hex')}`) <= half).toBe(true);
      const publicKey = secp256k1.ecdsaRecover(Buffer.concat([r, s]), yParity, digest);
      expect(publicKey).toEqual(secp256k1.publicKeyCreate(Buffer.from(DEV_KEY.slice(2), 'hex')));
      expect(await keystore.sign('dev', digest)).toEqual({ r, s, yParity });
    }
    await expect(keystore.sign('other', Buffer.alloc(32))).rejects.toThrow(ConfigurationError);
  });

  it('opens a keystore file for a lane of any chain', async () => {
    const file = onDisk('hot.json', encryptV3(Buffer.from(VECTOR_KEY, 'hex'), 'p', 'scrypt'));
    const keystore = await openKeystore(
      [{ id: 'hot', kind: 'keystore', file, password: 'p' }],
      [lane(1, 'hot')],
      WITH,
    );
    expect(keystore.address('hot')).toBe(
      privateKeyToAddress(`0x${VECTOR_KEY}`).toLowerCase() as Address,
    );
  });

  const short = onDisk('bad.json', encryptV3(Buffer.alloc(32, 0), 'p', 'scrypt'));
  it.each<[string, KeySettings[], LaneSettings[], RegExp]>([
    [
      'a development key on a real chain',
      [DEV],
      [lane(31337), lane(8453)],
      /key dev is a development key.*chain 8453/,
    ],
    [
      'a file that is not there',
      [{ id: 'k', kind: 'keystore', file: '/nowhere.json', password: 'p' }],
      [],
      /key k in \/nowhere.json: ENOENT/,
    ],
    [
      'a wrong password',
      [{ id: 'k', kind: 'keystore', file: short, password: 'secret' }],
      [],
      /key k in .*bad.json: the password is wrong/,
    ],
    [
      'a key that is no scalar',
      [{ id: 'k', kind: 'keystore', file: short, password: 'p' }],
      [],
      /key k in .*bad.json: it is no secp256k1 private key/,
    ],
    [
      'a key of another length',
      [{ id: 'k', kind: 'development', privateKey: '0x1234' }],
      [],
      /2 bytes, expected 32/,
    ],
    [
      'a key that is no hex',
      [{ id: 'k', kind: 'development', privateKey: 'hunter2' }],
      [],
      /key k: not 0x-prefixed/,
    ],
  ])('refuses %s in one line that shows no secret', async (_name, keys, lanes, words) => {
    const refused = await openKeystore(keys, lanes, WITH).catch((error) => error);
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect(refused.message).toMatch(words);
    expect(refused.message).not.toMatch(/secret|hunter2|\n/);
  });
});
