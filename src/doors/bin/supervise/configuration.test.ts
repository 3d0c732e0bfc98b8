import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { newAuditKey } from '../../../../test/support/audit-key.ts';
import { developmentSettings, readSettings } from '../../../base/config/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import { DEVELOPMENT_LANES } from './chain.ts';
import {
  databaseVariables,
  developmentConfig,
  judgeDatabases,
  roleEnvironment,
} from './configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const token = '0x5fbdb2315678afecb367f032d93f642f64180aa3' as Address;
const sealing = newAuditKey(folder);
writeFileSync(join(folder, 'audit.pem'), sealing.key);
const audit = { ...sealing, keyFile: join(folder, 'audit.pem') };
const text = developmentConfig({
  rpcUrl: 'http://127.0.0.1:8545',
  token,
  lanes: DEVELOPMENT_LANES,
  http: { host: '127.0.0.1', port: 9090 },
  audit,
});

function fileOf(content: string): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, content);
  return file;
}

test('the development configuration means the development settings, and a merchant', () => {
  const urls = { DATABASE_URL: 'postgresql://a@h/main', SIGNER_DATABASE_URL: 'postgresql://a@h/s' };
  const { x402, ...settings } = readSettings({ text, env: urls, need: { signer: true } });
  const { merchants, ...more } = x402;
  const [lane] = DEVELOPMENT_LANES;
  const [{ caip19 }] = settings.assets as [(typeof settings.assets)[0]];
  expect(merchants).toEqual([
    {
      ...{ tenant: 'demo', name: 'shop', payTo: [lane!.address], offers: [], replays: true },
      assets: [{ asset: caip19, maxAmount: null }],
    },
  ]);
  expect({ ...settings, x402: { ...more, merchants: [] } }).toEqual(
    developmentSettings({
      databaseUrl: urls.DATABASE_URL,
      signerDatabaseUrl: urls.SIGNER_DATABASE_URL,
      rpcUrl: 'http://127.0.0.1:8545',
      token,
      lanes: DEVELOPMENT_LANES,
      http: { port: 9090 },
      // A secret of a file is read without the end of its last line.
      audit: { ...sealing, key: sealing.key.trimEnd() },
    }),
  );
});

describe('databases', () => {
  const url = 'postgresql://a@h/main';
  const signerUrl = 'postgresql://a@h/signer';

  test('are started here when nobody names them', () => {
    expect(judgeDatabases({}, null)).toBeNull();
    expect(judgeDatabases({}, fileOf(text))).toBeNull();
  });

  test('are those of the environment', () => {
    const env = { DATABASE_URL: url, SIGNER_DATABASE_URL: signerUrl };
    expect(judgeDatabases(env, null)).toEqual({ url, signerUrl });
    expect(judgeDatabases(env, fileOf(text))).toEqual({ url, signerUrl });
  });

  test('are those of the file under its own names', () => {
    const own = text
      .replace('env: "DATABASE_URL"', 'env: "BOOKS"')
      .replace('env: "SIGNER_DATABASE_URL"', 'env: "JOURNAL"');
    const env = { BOOKS: url, JOURNAL: signerUrl };
    expect(judgeDatabases(env, fileOf(own))).toEqual({ url, signerUrl });
  });

  test('are refused when one of two is named', () => {
    expect(() => judgeDatabases({ DATABASE_URL: url }, null)).toThrow(
      /SIGNER_DATABASE_URL is not set/,
    );
    expect(() => judgeDatabases({ SIGNER_DATABASE_URL: signerUrl }, null)).toThrow(
      /and DATABASE_URL is not set/,
    );
  });

  test('a file with faults is refused before anything is started', () => {
    expect(() => judgeDatabases({}, fileOf('chains: []'))).toThrow(/^chains: found/m);
  });
});

test("only the signer's environment has its database and the secrets of its section", () => {
  const configFile = fileOf(`
signer: { keys: [{ id: hot, keystore: { file: ./hot.json, password: { env: HOT_PASSWORD } } }] }
chains: [{ id: base, rpc: [{ url: { env: BASE_RPC } }] }]
`);
  const env = { HOT_PASSWORD: 'x', BASE_RPC: 'y', SIGNER_DATABASE_URL: 'z', PATH: '/bin' };
  expect(roleEnvironment('api', env, configFile)).toEqual({ PATH: '/bin', BASE_RPC: 'y' });
  expect(roleEnvironment('signer', env, configFile)).toEqual(env);
  expect(roleEnvironment('worker', env, null)).not.toHaveProperty('SIGNER_DATABASE_URL');
  const at = { url: 'postgresql://a@h/main', signerUrl: 'postgresql://a@h/s' };
  expect(databaseVariables('api', at)).toEqual({ DATABASE_URL: at.url });
  expect(databaseVariables('signer', at)).toEqual({
    DATABASE_URL: at.url,
    SIGNER_DATABASE_URL: at.signerUrl,
  });
});
