import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { DOORS } from './cli.fixture.ts';
import type { CliContext, DevSources } from './context.ts';
import { findApi, findDatabases } from './sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(
  join(folder, 'c.yaml'),
  `
database: { url: { env: BOOKS } }
signer: { database: { url: { env: JOURNAL } }, keys: [{ id: k, development: { privateKey: "0x${'11'.repeat(32)}" } }] }
chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets: [{ id: ETH, chain: local, decimals: 18, tiers: [{ name: low, commitAt: safe }] }]
`,
);

const DEV: DevSources = {
  apiUrl: 'http://127.0.0.1:8080',
  apiKey: 'pk_dev',
  databaseUrl: 'postgresql://dev/main',
  signerDatabaseUrl: 'postgresql://dev/signer',
};

/** dev.json lies in the folders named. */
function context(env: NodeJS.ProcessEnv, ...where: string[]): CliContext {
  return {
    stdout: { write: () => true },
    stderr: { write: () => true },
    env,
    cwd: folder,
    doors: {
      ...DOORS,
      readDevFile: (stateDir) => (where.includes(stateDir) ? DEV : null),
    },
  };
}

const here = join(folder, '.payonce');
const both = { DATABASE_URL: 'postgresql://env/main', SIGNER_DATABASE_URL: 'postgresql://env/s' };
const own = { BOOKS: 'postgresql://file/main', JOURNAL: 'postgresql://file/s' };

describe('databases are found', () => {
  test('in the configuration file first', () => {
    const found = findDatabases(
      context({ ...both, ...own }, here),
      { config: 'c.yaml' },
      { signer: true },
    );
    expect(found).toMatchObject({ url: own.BOOKS, signerUrl: own.JOURNAL });
  });

  test("in the file without the signer's secrets when the signer is not needed", () => {
    const env = { BOOKS: own.BOOKS };
    const found = findDatabases(context(env), { config: 'c.yaml' }, { signer: false });
    expect(found).toMatchObject({ url: own.BOOKS, signerUrl: null });
  });

  test('in the environment second', () => {
    const found = findDatabases(context(both, here), {}, { signer: true });
    expect(found).toMatchObject({
      url: both.DATABASE_URL,
      signerUrl: both.SIGNER_DATABASE_URL,
    });
  });

  test('in dev.json of the working folder or of --state-dir third', () => {
    const other = join(folder, 'other');
    for (const [flags, where] of [
      [{}, here],
      [{ stateDir: 'other' }, other],
      [{ stateDir: 'other' }, join(other, '.payonce')],
    ] as const) {
      const found = findDatabases(context({}, where), flags, { signer: true });
      expect(found.url).toBe(DEV.databaseUrl);
    }
  });

  test('else all three ways are named', () => {
    expect(() => findDatabases(context({}), {}, { signer: false })).toThrow(
      /--config FILE.*DATABASE_URL and SIGNER_DATABASE_URL.*dev\.json/,
    );
  });

  test('and half of the environment is no whole', () => {
    const half = context({ DATABASE_URL: both.DATABASE_URL }, here);
    expect(() => findDatabases(half, {}, { signer: true })).toThrow(/SIGNER_DATABASE_URL is not/);
    expect(findDatabases(half, {}, { signer: false }).url).toBe(both.DATABASE_URL);
    const other = context({ SIGNER_DATABASE_URL: 'postgresql://x/s' }, here);
    expect(() => findDatabases(other, {}, { signer: true })).toThrow(/DATABASE_URL is not/);
  });
});

describe('the API is found', () => {
  const env = { PAYONCE_URL: 'https://pay.example/', PAYONCE_API_KEY: 'pk_env' };

  test('by flags, then by the environment, then in dev.json', () => {
    const flags = { url: 'http://flag', apiKey: 'pk_flag' };
    expect(findApi(context(env, here), flags).url).toBe('http://flag');
    expect(findApi(context(env, here), {}).url).toBe('https://pay.example');
    expect(findApi(context({}, here), {}).url).toBe(DEV.apiUrl);
  });

  test('and the local key is never sent to another API', () => {
    expect(() => findApi(context({}, here), { url: 'https://pay.example' })).toThrow(
      /no API key for https:\/\/pay\.example/,
    );
    expect(findApi(context({}, here), { url: DEV.apiUrl }).url).toBe(DEV.apiUrl);
  });

  test('else all three ways are named', () => {
    expect(() => findApi(context({}), {})).toThrow(/--url and --api-key.*PAYONCE_URL.*dev\.json/);
    expect(() => findApi(context({}), { url: 'pay', apiKey: 'k' })).toThrow(/http or https/);
  });
});
