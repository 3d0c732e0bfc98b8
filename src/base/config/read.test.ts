import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { ConfigurationError } from '../kernel/index.ts';
import { describeSettings } from './describe.ts';
import { readSettings } from './read.ts';
import { ConfigSchema } from './schema/schema.ts';

const TOKEN = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
const WALLET = '0x52908400098527886e0f7030069857d2e4169ee7';
const OTHER = '0x8617e340b3d1fa5f4f306f4090fd50e238070d2a';
const TREASURY = { chain: 'base', address: OTHER, key: 'hot-2', tenant: 'acme' };
const keyNamed = (id: string) => ({
  id,
  keystore: { file: './hot-1.json', password: { env: 'HOT1_PASSWORD' } },
});
const SECOND_KEY = { 'signer.keys[1]': keyNamed('hot-2') };
const PRIVATE_KEY = `0x${'ab'.repeat(32)}`;

const folder = mkdtempSync(join(tmpdir(), 'config-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'hot-1.json'), '{}');
writeFileSync(join(folder, 'password'), 'from a file\n');
writeFileSync(join(folder, 'empty'), '\n');

const ENV = {
  DATABASE_URL: 'postgres://app:s3cret@db/payonce',
  SIGNER_DATABASE_URL: 'postgresql://signer:s3cret@db/journal',
  HOT1_PASSWORD: 'pa55word',
  BASE_RPC: 'https://rpc.example/v2/s3cret',
  PLAIN_RPC: 'http://rpc.example/s3cret',
  FTP_RPC: 'ftp://rpc.example/s3cret',
  NO_URL: 's3cret s3cret',
  DEV_KEY: PRIVATE_KEY,
  EMPTY: '',
};

const EXAMPLE = `
database: { url: { env: DATABASE_URL }, poolSize: 10 }
signer:
  database: { url: { env: SIGNER_DATABASE_URL } }
  keys: [{ id: hot-1, keystore: { file: ./hot-1.json, password: { env: HOT1_PASSWORD } } }]
http: { host: 127.0.0.1, port: 8080, bodyLimit: 1MiB }
chains:
  - { id: base, chainId: 8453, rpc: [{ url: { env: BASE_RPC }, roles: [read, send] }], window: 64, fees: { maxFeePerGasGwei: "50" } }
assets:
  - id: USDC
    chain: base
    address: "${TOKEN}"
    decimals: 6
    minimum: "1"
    fee: "0.50"
    tiers: [{ name: low, upTo: "1000", commitAt: safe }, { name: high, commitAt: finalized }]
lanes: [{ chain: base, address: "${WALLET}", key: hot-1, tenant: acme }]
`;

type Section = Record<string, unknown>;
/** Key path → value; undefined takes the key out, a function makes an item out of its list's first. */
type Changes = Record<string, unknown>;

function bend(changes: Changes): string {
  const file = parse(EXAMPLE) as Section;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
    const last = keys.pop() ?? '';
    let at = file;
    for (const key of keys) at = at[key] as Section;
    if (value !== undefined) at[last] = typeof value === 'function' ? value(at[0]) : value;
    else if (Array.isArray(at)) at.splice(Number(last), 1);
    else delete at[last];
  }
  return stringify(file);
}

const again = (changes: Section) => (first: Section) => ({ ...first, ...changes });

function read(text: string, signer = true, env: NodeJS.ProcessEnv = ENV) {
  return readSettings({ file: join(folder, 'payonce.yaml'), text, env, need: { signer } });
}

function faultsOf(text: string, signer = true, env: NodeJS.ProcessEnv = ENV): string[] {
  try {
    read(text, signer, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message } = error as ConfigurationError;
    expect(message).not.toMatch(/s3cret|pa55word|abababab/);
    return message.split('\n').map((line) => line.replaceAll(folder, '<folder>'));
  }
  return [];
}

const HTTP = {
  ...{ host: '127.0.0.1', port: 8080, bodyLimitBytes: 1_048_576 },
  ...{ publicUrl: null, trustedProxies: [], rateLimits: { key: null, tenant: null } },
};

describe('a well-formed file', () => {
  it('becomes settings with amounts in base units and paths beside the file', () => {
    expect(read(EXAMPLE)).toEqual({
      policyVersion: expect.stringMatching(/^config:[0-9a-f]{64}$/),
      database: { url: ENV.DATABASE_URL, poolSize: 10 },
      signer: {
        databaseUrl: ENV.SIGNER_DATABASE_URL,
        witnessFile: join(folder, 'payonce.witness'),
        keys: [
          { id: 'hot-1', kind: 'keystore', file: join(folder, 'hot-1.json'), password: 'pa55word' },
        ],
        auditKey: null,
      },
      audit: null,
      http: HTTP,
      chains: [
        {
          id: 'base',
          chainId: 8453,
          rpc: [{ url: ENV.BASE_RPC, roles: ['read', 'send'] }],
          window: 64,
          fees: {
            maxFeePerGas: 50_000_000_000n,
            minPriorityFeePerGas: 1_000_000_000n,
            percentile: 50,
            blocks: 20,
            baseFeeMultiplier: 2_000n,
            urgency: 'normal',
          },
          finality: { tag: 'finalized', minDepth: 0, maxReorgDepth: 64 },
          resendAfterMs: 15_000,
          replaceAfterMs: 60_000,
          pollMs: 1000,
        },
      ],
      assets: [
        {
          id: 'USDC',
          caip19: `eip155:8453/erc20:${TOKEN.toLowerCase()}`,
          chain: 'base',
          chainId: 8453,
          address: TOKEN.toLowerCase(),
          decimals: 6,
          minimum: 1_000_000n,
          fee: 500_000n,
          tiers: [
            { name: 'low', upTo: 1_000_000_000n, commitAt: 'safe' },
            { name: 'high', upTo: null, commitAt: 'finalized' },
          ],
        },
      ],
      lanes: [
        {
          ...{ chain: 'base', chainId: 8453, address: WALLET, key: 'hot-1', tenant: 'acme' },
          ...{ purpose: 'pay', minGas: 0n, minBalances: [] },
        },
      ],
      treasury: [],
      x402: {
        merchants: [],
        anonymous: null,
        waitMs: 8_000,
        verifyLeaseMs: 20_000,
        keepAnswersMs: 7_776_000_000,
        priceDelayMs: 86_400_000,
        challengeRates: {
          address: { requestsPerSecond: 10, burst: 100 },
          merchant: { requestsPerSecond: 200, burst: 1_000 },
        },
        upstreamNetworks: [],
      },
      guard: {
        approvals: {
          ...{ approvers: [], groups: [], thresholds: [], webauthn: null },
          expireAfterMs: 86_400_000,
        },
        limits: [],
        walletGroups: [{ id: 'acme', lanes: [{ chainId: 8453, address: WALLET }] }],
      },
      policy: { looseningDelayMs: 86_400_000 },
      screening: null,
      checks: { everyMs: 300_000, stuckAfterMs: 900_000, reconcileEveryMs: 86_400_000 },
    });
  });

  it('reads the key of audit blocks from a secret, and where roots are kept', () => {
    const pem = { type: 'pkcs8', format: 'pem' } as const;
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(folder, 'audit.pem'), privateKey.export(pem));
    const publicKeys = [`0x${'ab'.repeat(32)}`];
    const { signer, audit } = read(
      bend({
        'signer.audit': { key: { file: 'audit.pem' } },
        audit: { publicKeys, anchor: { file: 'roots' } },
      }),
    );
    expect(signer?.auditKey).toBe(String(privateKey.export(pem)).trimEnd());
    expect(audit).toEqual({ publicKeys, anchor: { kind: 'file', path: join(folder, 'roots') } });
    expect(read(bend({ audit: { publicKeys } })).audit?.anchor).toBe(null);
    const s3 = { bucket: 'acme-roots', region: 'eu-central-1', retainDays: 3650 };
    expect(read(bend({ audit: { publicKeys, anchor: { s3 } } })).audit?.anchor).toEqual({
      ...{ kind: 's3', prefix: '', ...s3 },
    });
    const bad: [object, string][] = [
      [{ file: 'roots', s3 }, 'audit.anchor: '],
      [{}, 'audit.anchor: '],
      [{ s3: { ...s3, bucket: 'No' } }, 'audit.anchor.s3.bucket: '],
      [{ s3: { ...s3, retainDays: 0 } }, 'audit.anchor.s3.retainDays: '],
      [{ s3: { ...s3, region: 'here' } }, 'audit.anchor.s3.region: '],
      [{ s3: { ...s3, endpoint: 'http://elsewhere' } }, 'audit.anchor.s3.endpoint: '],
      [{ s3: { bucket: 'acme-roots', region: 'eu-central-1' } }, 'audit.anchor.s3.retainDays: '],
    ];
    for (const [anchor, path] of bad) {
      expect(faultsOf(bend({ audit: { publicKeys, anchor } }))).toEqual([
        expect.stringMatching(new RegExp(`^${path}`)),
      ]);
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export(pem);
    for (const wrong of [other, 'no key']) {
      writeFileSync(join(folder, 'audit.pem'), wrong);
      expect(faultsOf(bend({ 'signer.audit': { key: { file: 'audit.pem' } } }))).toEqual([
        'signer.audit.key: found no such key (not shown); allowed: a private Ed25519 key in PEM (PKCS #8)',
      ]);
    }
    expect(faultsOf(bend({ audit: { publicKeys: ['0x12'] } }))).toHaveLength(1);
  });

  it('reads minimums in units and times in seconds', () => {
    const { lanes, checks, policy } = read(
      bend({
        'lanes[0].minGas': '0.5',
        'lanes[0].minBalances': [{ asset: 'USDC', amount: '1000' }],
        checks: { everySeconds: 60, stuckAfterSeconds: 120, reconcileEverySeconds: 0 },
        policy: { looseningDelaySeconds: 60 },
      }),
    );
    expect(lanes[0]).toMatchObject({
      minGas: 5n * 10n ** 17n,
      minBalances: [{ asset: `eip155:8453/erc20:${TOKEN.toLowerCase()}`, amount: 1_000_000_000n }],
    });
    expect(checks).toEqual({ everyMs: 60_000, stuckAfterMs: 120_000, reconcileEveryMs: 0 });
    expect(policy).toEqual({ looseningDelayMs: 60_000 });
  });

  it('reads whom it asks about destinations, with the secret from its place', () => {
    writeFileSync(join(folder, 'list'), '');
    writeFileSync(join(folder, 'token'), 'k-1\n');
    const provider = {
      ...{ shape: 'chainalysis-sanctions', url: 'https://screen.example/v1' },
      header: { name: 'X-API-Key', value: { file: 'token' } },
    };
    const settings = read(
      bend({ screening: { list: { file: 'list' }, provider, maxAgeSeconds: 60 } }),
    );
    expect(settings.screening).toEqual({
      listFile: join(folder, 'list'),
      provider: {
        ...{ ...provider, header: { name: 'X-API-Key', value: 'k-1' } },
        ...{ timeoutMs: 5_000, maxConcurrent: 8 },
      },
      maxAgeMs: 60_000,
    });
    const told = JSON.stringify(describeSettings(settings));
    expect(told).toContain('https://screen.example');
    expect(told).not.toContain('k-1');
  });

  it('reads a treasury wallet as a lane of its own purpose, with what it does', () => {
    const { lanes, treasury } = read(
      bend({
        ...SECOND_KEY,
        treasury: [
          {
            ...TREASURY,
            topUp: { below: '0.5', amount: '1', perDay: '3' },
            keep: [{ asset: 'USDC', amount: '7' }],
          },
        ],
      }),
    );
    const ether = 10n ** 18n;
    expect(lanes.map(({ address, purpose }) => [address, purpose])).toEqual([
      [WALLET, 'pay'],
      [OTHER, 'treasury'],
    ]);
    expect(treasury).toEqual([
      {
        ...{ chainId: 8453, address: OTHER, tenant: 'acme' },
        topUp: { below: ether / 2n, amount: ether, perDay: 3n * ether },
        keep: [{ asset: `eip155:8453/erc20:${TOKEN.toLowerCase()}`, amount: 7_000_000n }],
      },
    ]);
  });

  it('gets the defaults of what it leaves out', () => {
    const settings = read(
      bend({
        database: undefined,
        http: undefined,
        'signer.database': undefined,
        lanes: undefined,
        'chains[0].window': undefined,
        'chains[0].rpc[0].roles': undefined,
        'assets[0].minimum': undefined,
        'assets[0].fee': undefined,
      }),
    );
    expect(settings.database).toEqual({ url: ENV.DATABASE_URL, poolSize: 10 });
    expect(settings.signer?.databaseUrl).toBe(ENV.SIGNER_DATABASE_URL);
    expect(settings.http).toEqual(HTTP);
    expect(settings.chains[0]).toMatchObject({ window: 64, rpc: [{ roles: ['read', 'send'] }] });
    expect(settings.assets[0]).toMatchObject({ minimum: 0n, fee: 0n });
    expect(settings.lanes).toEqual([]);
  });

  it('knows keys that AWS holds, and a lane that gives no slots any more', () => {
    const arn = 'arn:aws:kms:eu-west-1:111122223333:key/a';
    const endpoint = 'https://vpce-1.kms.eu-west-1.vpce.amazonaws.com';
    const secret = { secretId: 'hot-2', region: 'eu-west-1' };
    const settings = read(
      bend({
        'signer.keys': [
          { id: 'hot-1', kms: { keyId: arn, region: 'eu-west-1', endpoint } },
          { id: 'hot-2', secretsManager: { ...secret, password: { env: 'HOT1_PASSWORD' } } },
          { id: 'hot-3', secretsManager: secret },
        ],
        'lanes[0].retired': true,
      }),
    );
    expect(settings.signer?.keys).toEqual([
      {
        id: 'hot-1',
        kind: 'kms',
        keyId: arn,
        region: 'eu-west-1',
        endpoint,
        requestsPerSecond: 250,
      },
      { id: 'hot-2', kind: 'secretsManager', ...secret, password: 'pa55word' },
      { id: 'hot-3', kind: 'secretsManager', ...secret },
    ]);
    expect(settings.lanes[0]).toMatchObject({ retired: true });
  });

  it('gets a wide window and fast polls on the development chain, where a development key may sign', () => {
    const settings = read(
      bend({
        'chains[0].chainId': 31337,
        'chains[0].window': undefined,
        'signer.keys': [{ id: 'hot-1', development: { privateKey: PRIVATE_KEY } }],
      }),
    );
    expect(settings.chains[0]).toMatchObject({ window: 4096, pollMs: 500 });
    expect(settings.signer?.keys).toEqual([
      { id: 'hot-1', kind: 'development', privateKey: PRIVATE_KEY },
    ]);
  });

  it('may price a native coin, which has no address', () => {
    const [asset] = read(bend({ 'assets[0].address': undefined, 'assets[0].decimals': 18 })).assets;
    expect(asset).toMatchObject({ address: null, caip19: 'eip155:8453/slip44:60' });
  });

  it('gives a process without the need neither the secrets of the signer nor their faults', () => {
    const { HOT1_PASSWORD: _, SIGNER_DATABASE_URL: __, ...env } = ENV;
    expect(read(EXAMPLE, false, env).signer).toBeNull();
  });

  it('reads a secret from a file without its last line break', () => {
    const settings = read(bend({ 'signer.keys[0].keystore.password': { file: 'password' } }));
    expect(settings.signer?.keys[0]).toMatchObject({ password: 'from a file' });
  });

  it('may name the URL of a private host plainly', () => {
    for (const url of [
      'http://127.0.0.1:8545',
      'http://anvil:8545',
      'http://[fd00::1]',
      'http://172.31.0.1',
    ]) {
      const text = bend({ 'chains[0].rpc[0].url': url });
      expect(read(text).chains[0]?.rpc[0]?.url).toBe(url);
    }
  });

  it.each([
    ['512KiB', 524_288],
    ['2048B', 2048],
    ['4096', 4096],
    [8192, 8192],
  ])('takes %j as a body limit', (bodyLimit, bytes) => {
    const text = bend({ 'http.bodyLimit': bodyLimit });
    expect(read(text).http.bodyLimitBytes).toBe(bytes);
  });

  const merchant = { tenant: 'acme', name: 'shop', payTo: [WALLET], assets: [{ asset: 'USDC' }] };
  it('takes what a merchant offers, its URLs as they are written', () => {
    const offer = { method: 'GET', path: '/weather/*', upstream: 'HTTPS://Weather.example' };
    const text = bend({
      x402: {
        merchants: [
          { ...merchant, offers: [offer] },
          { ...merchant, name: 'b' },
        ],
      },
    });
    expect(read(text).x402.merchants.map(({ offers }) => offers)).toEqual([
      [{ ...offer, upstream: 'https://weather.example/' }],
      [],
    ]);
  });

  it.each([
    [{ method: 'get' }, 'method'],
    [{ path: '/a/*/b' }, 'path'],
    [{ path: '/a//b' }, 'path'],
    [{ upstream: 'ftp://h/' }, 'upstream'],
    [{ upstream: 'https://h/?q' }, 'upstream'],
    [{ upstream: undefined }, 'upstream'],
    [{ price: '1' }, 'price'],
  ])('refuses the offer %j', (over, field) => {
    const offer = { method: 'GET', path: '/a/*', upstream: 'https://h/', ...over };
    const text = bend({ x402: { merchants: [{ ...merchant, offers: [offer] }] } });
    expect(() => read(text)).toThrow(`x402.merchants[0].offers[0].${field}: `);
  });

  it.each([
    [{ payTo: ['0x12'] }, 'payTo[0]'],
    [{ assets: [{ asset: 'EURC' }] }, 'assets[0].asset'],
    [{ assets: [{ asset: 'USDC', maxAmount: '0.0000001' }] }, 'assets[0].maxAmount'],
  ])('refuses the merchant with %j', (over, field) => {
    const text = bend({ x402: { merchants: [{ ...merchant, ...over }] } });
    expect(() => read(text)).toThrow(`x402.merchants[0].${field}: `);
  });

  it('refuses a merchant twice, payments without a key for one that is none, and a network that is none', () => {
    const text = bend({
      x402: {
        merchants: [merchant, merchant],
        anonymous: { tenant: merchant.tenant, merchant: 'nobody' },
        upstreamNetworks: ['10.0.0.0/33'],
      },
    });
    expect(() => read(text)).toThrow(
      /x402\.merchants\[1\].*\n.*x402\.anonymous: found ".*\/nobody".*\n.*x402\.upstreamNetworks\[0\]/,
    );
  });

  it('takes proxies and rates; as many at once as a second unless told otherwise', () => {
    const text = bend({
      'http.publicUrl': 'https://pay.example/',
      'http.trustedProxies': ['10.0.0.0/8', '::1'],
      'http.rateLimits': {
        key: { requestsPerSecond: 50 },
        tenant: { requestsPerSecond: 9, burst: 99 },
      },
    });
    expect(read(text).http).toMatchObject({
      publicUrl: 'https://pay.example',
      trustedProxies: ['10.0.0.0/8', '::1'],
      rateLimits: {
        key: { requestsPerSecond: 50, burst: 50 },
        tenant: { requestsPerSecond: 9, burst: 99 },
      },
    });
  });
});

const NAME = 'a name of 1 to 64 characters of A-Z a-z 0-9 . _ -';
const SECRET = '{ env: NAME } or { file: PATH }; a secret never stands in the file itself';

type Case = [what: string, changes: Changes, fault: string | RegExp];

const SHAPE: Case[] = [
  [
    'an unknown key at the top',
    { chain: [] },
    'chain: found an unknown key; allowed: database, signer, audit, http, chains, assets, lanes, treasury, x402, policy, screening, checks',
  ],
  [
    'an unknown key deep inside',
    { 'http.prot': 1 },
    'http.prot: found an unknown key; allowed: host, port, bodyLimit, publicUrl, trustedProxies, rateLimits',
  ],
  [
    'an unknown key that looks like a private key',
    { [`http.${'ab'.repeat(32)}`]: 1 },
    'http.text of 64 characters (not shown): found an unknown key; allowed: host, port, bodyLimit, publicUrl, trustedProxies, rateLimits',
  ],
  [
    'a missing key',
    { 'assets[0].decimals': undefined },
    'assets[0].decimals: found nothing; allowed: a whole number from 0 to 36',
  ],
  [
    'an empty section',
    { http: null },
    'http: found null (an empty value); allowed: a section of host, port, bodyLimit, publicUrl, trustedProxies, rateLimits',
  ],
  [
    'no chain',
    { chains: [] },
    'chains: found an empty list; allowed: a list of at least one chain',
  ],
  [
    'a database URL that stands in the file',
    { 'database.url': 'postgres://s3cret' },
    `database.url: found text of 17 characters (not shown); allowed: ${SECRET}`,
  ],
  [
    'a password that stands in the file',
    { 'signer.keys[0].keystore.password': 's3cret' },
    `signer.keys[0].keystore.password: found text of 6 characters (not shown); allowed: ${SECRET}`,
  ],
  [
    'a secret with two sources',
    { 'database.url': { env: 'DATABASE_URL', file: 'password' } },
    `database.url: found env, file; allowed: ${SECRET}`,
  ],
  [
    'a secret without a source',
    { 'database.url': {} },
    `database.url: found no key; allowed: ${SECRET}`,
  ],
  [
    'a secret written as the name of a variable',
    { 'database.url': { env: 'postgres://s3cret' } },
    'database.url.env: found text of 17 characters (not shown); allowed: the name of an environment variable',
  ],
  [
    'a pool of no connection',
    { 'database.poolSize': 0 },
    'database.poolSize: found the number 0; allowed: a whole number from 1 to 500 connections',
  ],
  [
    'a port out of range',
    { 'http.port': 65_536 },
    'http.port: found the number 65536; allowed: a whole number from 0 to 65535 (0: any free port)',
  ],
  [
    'a rate of nothing',
    { 'http.rateLimits': { key: { requestsPerSecond: 0 } } },
    'http.rateLimits.key.requestsPerSecond: found the number 0; allowed: a whole number from 1 to 1000000 requests a second',
  ],
  [
    'a size in an unknown unit',
    { 'http.bodyLimit': '1MB' },
    'http.bodyLimit: found "1MB"; allowed: a size from 1KiB to 64MiB: 512KiB, 1MiB, or a number of bytes',
  ],
  [
    'a chain id that is text',
    { 'chains[0].chainId': '8453' },
    'chains[0].chainId: found "8453"; allowed: a whole number from 1 to 9007199254740991',
  ],
  [
    'a chain id of zero',
    { 'chains[0].chainId': 0 },
    'chains[0].chainId: found the number 0; allowed: a whole number from 1 to 9007199254740991',
  ],
  [
    'a chain id beyond what a number holds',
    { 'chains[0].chainId': 2 ** 53 },
    'chains[0].chainId: found the number 9007199254740992; allowed: a whole number from 1 to 9007199254740991',
  ],
  [
    'a window too wide',
    { 'chains[0].window': 65_537 },
    'chains[0].window: found the number 65537; allowed: a whole number from 1 to 65536 slots',
  ],
  [
    'a role that does not exist',
    { 'chains[0].rpc[0].roles': ['read', 'write'] },
    'chains[0].rpc[0].roles[1]: found "write"; allowed: read, send, quorum, private',
  ],
  [
    'a finality tag that does not exist',
    { 'chains[0].finality': { tag: 'final' } },
    'chains[0].finality.tag: found "final"; allowed: finalized, safe, latest',
  ],
  [
    'a chain named with a space',
    { 'chains[0].id': 'my chain' },
    `chains[0].id: found "my chain"; allowed: ${NAME}`,
  ],
  [
    'decimals beyond 36',
    { 'assets[0].decimals': 37 },
    'assets[0].decimals: found the number 37; allowed: a whole number from 0 to 36',
  ],
  [
    'an amount that is a number',
    { 'assets[0].minimum': 1 },
    'assets[0].minimum: found the number 1; allowed: a decimal string in quotes, like "1"',
  ],
  [
    'an asset without tiers',
    { 'assets[0].tiers': [] },
    'assets[0].tiers: found an empty list; allowed: a list of at least one { name, upTo, commitAt }',
  ],
  [
    'a commit level that does not exist',
    { 'assets[0].tiers[1].commitAt': 'latest' },
    'assets[0].tiers[1].commitAt: found "latest"; allowed: safe, finalized',
  ],
  [
    'checks without a pause',
    { checks: { everySeconds: 1 } },
    'checks.everySeconds: found the number 1; allowed: a whole number from 10 to 86400 seconds',
  ],
  [
    'a tenant name in capitals',
    { 'lanes[0].tenant': 'ACME' },
    'lanes[0].tenant: found "ACME"; allowed: a tenant name: 1 to 63 characters of a-z 0-9 -, not - first',
  ],
  [
    'a key of two kinds',
    { 'chains[0].chainId': 31337, 'signer.keys[0].development': { privateKey: PRIVATE_KEY } },
    'signer.keys[0]: found id, keystore, development; allowed: id and exactly one of keystore, privateKey, development, kms, secretsManager',
  ],
  [
    'a key of no kind',
    { 'signer.keys[0].keystore': undefined },
    'signer.keys[0]: found id; allowed: id and exactly one of keystore, privateKey, development, kms, secretsManager',
  ],
  [
    'a KMS key without a region',
    { 'signer.keys[0]': { id: 'hot-1', kms: { keyId: 'alias/hot-1' } } },
    'signer.keys[0].kms.region: found nothing; allowed: an AWS region, like eu-central-1',
  ],
  [
    'a region that is none',
    { 'signer.keys[0]': { id: 'hot-1', kms: { keyId: 'k', region: 'Frankfurt' } } },
    'signer.keys[0].kms.region: found "Frankfurt"; allowed: an AWS region, like eu-central-1',
  ],
  [
    'no requests a second',
    {
      'signer.keys[0]': {
        id: 'hot-1',
        kms: { keyId: 'k', region: 'eu-west-1', requestsPerSecond: 0 },
      },
    },
    'signer.keys[0].kms.requestsPerSecond: found the number 0; allowed: a whole number from 1 to 100000 requests a second',
  ],
  [
    'a password in clear beside a secret',
    {
      'signer.keys[0]': {
        id: 'hot-1',
        secretsManager: { secretId: 'hot-1', region: 'eu-west-1', password: 's3cret' },
      },
    },
    `signer.keys[0].secretsManager.password: found text of 6 characters (not shown); allowed: ${SECRET}`,
  ],
  [
    'a development key that is no key',
    {
      'signer.keys[0]': { id: 'hot-1', development: { privateKey: 's3cret' } },
      'chains[0].chainId': 31337,
    },
    'signer.keys[0].development.privateKey: found text of 6 characters (not shown); allowed: { env: NAME }, or "0x" and 64 hex digits in quotes',
  ],
  [
    'a percentile that is none',
    { 'chains[0].fees.percentile': 100 },
    'chains[0].fees.percentile: found the number 100; allowed: a whole number from 1 to 99',
  ],
  [
    'a fee history without blocks',
    { 'chains[0].fees.blocks': 0 },
    'chains[0].fees.blocks: found the number 0; allowed: a whole number from 1 to 1024 blocks',
  ],
  [
    'an urgency that is not known',
    { 'chains[0].fees.urgency': 'asap' },
    'chains[0].fees.urgency: found "asap"; allowed: low, normal, high',
  ],
];

const MEANING: Case[] = [
  [
    'an environment variable that is not set',
    { 'database.url.env': 'NOWHERE' },
    'database.url: found environment variable NOWHERE not set; allowed: a value in NOWHERE',
  ],
  [
    'an environment variable that is empty',
    { 'database.url.env': 'EMPTY' },
    'database.url: found environment variable EMPTY empty; allowed: a value in EMPTY',
  ],
  [
    'a secret file that is missing',
    { 'database.url': { file: 'nowhere' } },
    'database.url: found no readable file <folder>/nowhere (ENOENT); allowed: a file that holds the secret',
  ],
  [
    'a secret file that is empty',
    { 'database.url': { file: 'empty' } },
    'database.url: found the file <folder>/empty empty; allowed: a file that holds the secret',
  ],
  [
    'a database URL of something else',
    { 'database.url.env': 'BASE_RPC' },
    'database.url: found no PostgreSQL URL (not shown); allowed: postgres://user:password@host:port/database',
  ],
  [
    'a signer without keys',
    { 'signer.keys': [] },
    'signer.keys: found no key; allowed: at least one key, where this process signs',
  ],
  [
    'a keystore that is missing',
    { 'signer.keys[0].keystore.file': 'nowhere.json' },
    'signer.keys[0].keystore.file: found no readable file <folder>/nowhere.json; allowed: a keystore v3 file',
  ],
  [
    'two keys of one id',
    { 'signer.keys[1]': again({}) },
    'signer.keys[1].id: found "hot-1", which signer.keys[0] has; allowed: a value of its own',
  ],
  ...[
    'http://pay.example',
    'https://pay.example/console',
    'https://user@pay.example',
    'https://192.0.2.7',
    'https://[2001:db8::1]',
    'http://127.0.0.1:8080',
    'pay.example',
  ].map(
    (url): Case => [
      `the public URL ${url}`,
      { 'http.publicUrl': url },
      /^http\.publicUrl: found .*; allowed: an https URL of a name without a path, or an http URL of localhost$/,
    ],
  ),
  [
    'a proxy that is no network',
    { 'http.trustedProxies': ['10.0.0.0/8', 'loadbalancer'] },
    'http.trustedProxies[1]: found "loadbalancer"; allowed: an address or a network in CIDR, like "10.0.0.0/8"',
  ],
  [
    'a body limit out of range',
    { 'http.bodyLimit': '65MiB' },
    'http.bodyLimit: found "65MiB"; allowed: a size from 1KiB to 64MiB',
  ],
  [
    'two chains of one id',
    { 'chains[1]': again({ chainId: 1 }) },
    'chains[1].id: found "base", which chains[0] has; allowed: a value of its own',
  ],
  [
    'two chains of one chain id',
    { 'chains[1]': again({ id: 'base-2' }) },
    'chains[1].chainId: found the number 8453, which chains[0] has; allowed: a value of its own',
  ],
  [
    'screening by nobody',
    { screening: { maxAgeSeconds: 60 } },
    'screening: found neither list nor provider; allowed: list, provider, or both',
  ],
  [
    'a list of addresses that is missing',
    { screening: { list: { file: 'nowhere' } } },
    'screening.list.file: found no readable file <folder>/nowhere (ENOENT); allowed: a file of one address a line',
  ],
  ...['http://screen.example', 'https://u:p@screen.example', 'ftp://10.0.0.1', 'screen'].map(
    (url): Case => [
      `the screening provider ${url}`,
      { screening: { provider: { shape: 'payonce', url } } },
      'screening.provider.url: found no such URL (not shown); allowed: an https URL without a password, or an http URL of a loopback or private host',
    ],
  ),
  [
    'plain http to a public host',
    { 'chains[0].rpc[0].url.env': 'PLAIN_RPC' },
    'chains[0].rpc[0].url: found plain http to a public host (not shown); allowed: https, a loopback or private host, or allowPlainHttp: true beside it',
  ],
  [
    'an RPC URL of another protocol',
    { 'chains[0].rpc[0].url.env': 'FTP_RPC' },
    'chains[0].rpc[0].url: found a ftp URL (not shown); allowed: an http or https URL',
  ],
  [
    'an RPC URL that is none',
    { 'chains[0].rpc[0].url.env': 'NO_URL' },
    'chains[0].rpc[0].url: found no URL (not shown); allowed: an http or https URL',
  ],
  [
    'the URL of a public host that stands in the file',
    { 'chains[0].rpc[0].url': 'https://rpc.example/s3cret' },
    'chains[0].rpc[0].url: found the URL of a public host or one with a password (not shown); allowed: { env: NAME } or { file: PATH }, since such a URL often carries a key',
  ],
  [
    'a private URL with a password that stands in the file',
    { 'chains[0].rpc[0].url': 'http://me:s3cret@127.0.0.1' },
    /^chains\[0\]\.rpc\[0\]\.url: found the URL of a public host or one with a password \(not shown\);/,
  ],
  [
    'a chain that nothing can be sent to',
    { 'chains[0].rpc[0].roles': ['read'] },
    'chains[0].rpc: found no endpoint with the role send; allowed: at least one that may send',
  ],
  [
    'a fee cap of zero',
    { 'chains[0].fees.maxFeePerGasGwei': '0' },
    'chains[0].fees.maxFeePerGasGwei: found "0"; allowed: a decimal string in gwei with at most 9 decimals, above 0',
  ],
  [
    'a fee finer than wei',
    { 'chains[0].fees.minPriorityFeePerGasGwei': '0.0000000001' },
    'chains[0].fees.minPriorityFeePerGasGwei: found "0.0000000001"; allowed: a decimal string in gwei with at most 9 decimals',
  ],
  [
    'a priority fee above the fee cap',
    { 'chains[0].fees': { maxFeePerGasGwei: '0.5' } },
    'chains[0].fees.minPriorityFeePerGasGwei: found "1"; allowed: at most maxFeePerGasGwei "0.5"',
  ],
  [
    'a bid below the base fee',
    { 'chains[0].fees.baseFeeMultiplier': '0.999' },
    'chains[0].fees.baseFeeMultiplier: found "0.999"; allowed: a decimal string from "1" to "100" with at most 3 decimals',
  ],
  [
    'a bid far above the base fee',
    { 'chains[0].fees.baseFeeMultiplier': '100.001' },
    /^chains\[0\]\.fees\.baseFeeMultiplier: found "100\.001";/,
  ],
  [
    'finality at the latest block',
    { 'chains[0].finality': { tag: 'latest' } },
    'chains[0].finality.minDepth: found the number 0; allowed: at least 1 block when tag is latest',
  ],
  [
    'two assets of one id',
    { 'assets[1]': again({ address: OTHER }) },
    'assets[1].id: found "USDC", which assets[0] has; allowed: a value of its own',
  ],
  [
    'one token under two names',
    { 'assets[1]': again({ id: 'USDC2', address: TOKEN.toLowerCase() }) },
    `assets[1]: found "eip155:8453/erc20:${TOKEN.toLowerCase()}", which assets[0] has; allowed: a value of its own`,
  ],
  [
    'an asset on a chain that is not there',
    { 'assets[0].chain': 'polygon' },
    'assets[0].chain: found "polygon"; allowed: one of the chains base',
  ],
  [
    'an address that is too short',
    { 'assets[0].address': TOKEN.slice(0, -1) },
    `assets[0].address: found "${TOKEN.slice(0, -1)}"; allowed: "0x" and 40 hex digits`,
  ],
  [
    'an address with a wrong checksum',
    { 'assets[0].address': TOKEN.replace('fCD6', 'fcD6') },
    `assets[0].address: found "${TOKEN.replace('fCD6', 'fcD6')}", whose EIP-55 checksum is wrong; allowed: "0x" and 40 hex digits with the right checksum, or all in lower case`,
  ],
  [
    'the zero address',
    { 'assets[0].address': `0x${'0'.repeat(40)}` },
    'assets[0].address: found the zero address; allowed: any other address',
  ],
  [
    'an amount with an exponent',
    { 'assets[0].fee': '1e3' },
    'assets[0].fee: found "1e3"; allowed: a decimal string, like "12.50"',
  ],
  [
    'an amount finer than the asset',
    { 'assets[0].tiers[0].upTo': '0.0000001' },
    'assets[0].tiers[0].upTo: found "0.0000001"; allowed: at most 6 decimals, as the asset has',
  ],
  [
    'an amount beyond uint256',
    { 'assets[0].tiers[0].upTo': '9'.repeat(75) },
    `assets[0].tiers[0].upTo: found text of 75 characters (not shown); allowed: less than 2^256 base units`,
  ],
  [
    'a negative amount',
    { 'assets[0].minimum': '-1' },
    'assets[0].minimum: found "-1"; allowed: a decimal string, like "12.50"',
  ],
  [
    'a minimum above the last tier',
    { 'assets[0].tiers[1]': undefined, 'assets[0].minimum': '1000.5' },
    'assets[0].minimum: found "1000.5"; allowed: at most 1000, where the last tier ends',
  ],
  [
    'tiers that do not ascend',
    { 'assets[0].tiers[1].upTo': '1000.0' },
    'assets[0].tiers[1].upTo: found "1000.0"; allowed: more than the tier before has, "1000"',
  ],
  [
    'a tier of nothing',
    { 'assets[0].tiers[0].upTo': '0' },
    'assets[0].tiers[0].upTo: found "0"; allowed: more than 0',
  ],
  [
    'an unlimited tier before the last',
    { 'assets[0].tiers[0].upTo': undefined },
    'assets[0].tiers[0].upTo: found nothing; allowed: a limit; only the last tier may go without (unlimited)',
  ],
  [
    'two tiers of one name',
    { 'assets[0].tiers[1].name': 'low' },
    'assets[0].tiers[1].name: found "low", which assets[0].tiers[0] has; allowed: a value of its own',
  ],
  [
    'a lane on a chain that is not there',
    { 'lanes[0].chain': 'polygon' },
    'lanes[0].chain: found "polygon"; allowed: one of the chains base',
  ],
  [
    'a lane whose address is a number in YAML',
    { 'lanes[0].address': 255 },
    'lanes[0].address: found the number 255; allowed: an address in quotes: "0x" and 40 hex digits, in mixed case with its checksum',
  ],
  [
    'two lanes of one wallet',
    { 'lanes[1]': again({ tenant: 'other' }) },
    `lanes[1]: found "${WALLET} on base", which lanes[0] has; allowed: a value of its own`,
  ],
  [
    'a lane with a key that is not there',
    { 'lanes[0].key': 'hot-2' },
    'lanes[0].key: found "hot-2"; allowed: one of the keys hot-1',
  ],
  [
    'a minimum of gas that is none',
    { 'lanes[0].minGas': '-1' },
    'lanes[0].minGas: found "-1"; allowed: a decimal string with at most 18 decimals',
  ],
  [
    'a minimum of an asset that is not there',
    { 'lanes[0].minBalances': [{ asset: 'EURC', amount: '1' }] },
    'lanes[0].minBalances[0].asset: found "EURC"; allowed: an asset of the chain: USDC',
  ],
  [
    'a minimum with more decimals than the asset',
    { 'lanes[0].minBalances': [{ asset: 'USDC', amount: '1.0000001' }] },
    'lanes[0].minBalances[0].amount: found "1.0000001"; allowed: a decimal string with at most 6 decimals',
  ],
  [
    'two minimums of one asset',
    {
      'lanes[0].minBalances': [
        { asset: 'USDC', amount: '1' },
        { asset: 'USDC', amount: '2' },
      ],
    },
    'lanes[0].minBalances[1].asset: found "USDC", which lanes[0].minBalances[0] has; allowed: a value of its own',
  ],
  [
    'a treasury wallet that is a lane',
    { treasury: [{ chain: 'base', address: WALLET, key: 'hot-1', tenant: 'acme' }] },
    `treasury[0]: found "${WALLET} on base", which lanes[0] has; allowed: a value of its own`,
  ],
  [
    'a treasury wallet with the key of a lane',
    { treasury: [{ chain: 'base', address: OTHER, key: 'hot-1', tenant: 'acme' }] },
    `treasury[0].key: found "hot-1", the key of ${WALLET}; allowed: one key per address`,
  ],
  [
    'top-ups of nothing',
    {
      ...SECOND_KEY,
      treasury: [{ ...TREASURY, topUp: { below: '1', amount: '0', perDay: '1' } }],
    },
    'treasury[0].topUp.amount: found "0"; allowed: more than 0',
  ],
  [
    'a day of less than a top-up',
    {
      ...SECOND_KEY,
      treasury: [{ ...TREASURY, topUp: { below: '1', amount: '2', perDay: '1' } }],
    },
    'treasury[0].topUp.perDay: found "1"; allowed: at least amount',
  ],
  [
    'two treasury wallets of one tenant',
    {
      ...SECOND_KEY,
      'signer.keys[2]': keyNamed('hot-3'),
      treasury: [TREASURY, { ...TREASURY, address: TOKEN, key: 'hot-3' }],
    },
    'treasury[1]: found "acme on base", which treasury[0] has; allowed: a value of its own',
  ],
  [
    'an ARN of another region',
    {
      'signer.keys[0]': {
        id: 'hot-1',
        kms: { keyId: 'arn:aws:kms:us-east-1:1:key/a', region: 'eu-west-1' },
      },
    },
    'signer.keys[0].kms.region: found "eu-west-1"; allowed: us-east-1, the region that the ARN names',
  ],
  [
    'a secret over plain http',
    {
      'signer.keys[0]': {
        id: 'hot-1',
        secretsManager: { secretId: 'hot-1', region: 'eu-west-1', endpoint: 'http://vault:4566' },
      },
    },
    'signer.keys[0].secretsManager.endpoint: found text of 17 characters (not shown); allowed: an https URL without a password, or an http URL of a loopback host',
  ],
  [
    'one key for two addresses',
    { 'lanes[1]': again({ address: OTHER }) },
    `lanes[1].key: found "hot-1", the key of ${WALLET}; allowed: one key per address`,
  ],
  [
    'a development key on a real chain',
    { 'signer.keys[0]': { id: 'hot-1', development: { privateKey: { env: 'DEV_KEY' } } } },
    'lanes[0].key: found the development key hot-1 on chain base (8453); allowed: a keystore key; development keys are public and only for chain 31337',
  ],
  [
    'a development key that is no key, in a variable',
    {
      'chains[0].chainId': 31337,
      'signer.keys[0]': { id: 'hot-1', development: { privateKey: { env: 'HOT1_PASSWORD' } } },
    },
    'signer.keys[0].development.privateKey: found text of 8 characters (not shown); allowed: "0x" and 64 hex digits',
  ],
];

describe('a faulty file is refused with one line that names key, found and allowed', () => {
  it.each([...SHAPE, ...MEANING])('%s', (_what, changes, fault) => {
    const faults = faultsOf(bend(changes));
    expect(faults).toHaveLength(1);
    if (typeof fault === 'string') expect(faults[0]).toBe(fault);
    else expect(faults[0]).toMatch(fault);
  });

  it('names every fault of shape and meaning at once', () => {
    const text = bend({
      'http.prot': 1,
      'chains[0].window': 0,
      'assets[0].tiers[0].upTo': 'many',
      'assets[0].chain': 'polygon',
      'lanes[0].key': 'hot-2',
      'database.url.env': 'NOWHERE',
    });
    expect(faultsOf(text).map((line) => line.split(':')[0])).toEqual([
      'http.prot',
      'chains[0].window',
      'database.url',
      'assets[0].chain',
      'assets[0].tiers[0].upTo',
      'lanes[0].key',
    ]);
  });

  it('refuses a development key on a real chain in processes that do not sign, too', () => {
    const text = bend({
      'signer.keys[0]': { id: 'hot-1', development: { privateKey: { env: 'DEV_KEY' } } },
    });
    expect(faultsOf(text, false)).toEqual([expect.stringMatching(/^lanes\[0\]\.key: .* 31337$/)]);
  });

  it('names what an empty file lacks', () => {
    expect(faultsOf('', false)[0]).toMatch(/^\(the file\): found null \(an empty value\)/);
    expect(faultsOf('{}', false)).toEqual([
      'chains: found nothing; allowed: a list of at least one chain',
      'assets: found nothing; allowed: a list of at least one asset',
    ]);
  });

  it.each([
    [
      'broken YAML',
      'http: { host: "s3cret',
      /^line 1, column \d+: found not YAML \(.*\); allowed: YAML 1.2$/,
    ],
    [
      'a key twice',
      'http: {}\nhttp: {}',
      /^line 2, column 1: found not YAML \(Map keys must be unique\)/,
    ],
    [
      'an unknown tag',
      'http: !secret s3cret',
      /^line 1, column 7: found not YAML \(Unresolved tag\)/,
    ],
    [
      'aliases that explode',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(20)}]\nc: [${'*b,'.repeat(20)}]`,
      /found not YAML/,
    ],
  ])('tells %s by its place without quoting it', (_what, text, fault) => {
    const faults = faultsOf(text, false);
    expect(faults[0]).toMatch(fault);
  });

  it('tells that the file can not be read', () => {
    const missing = join(folder, 'nowhere.yaml');
    expect(() => readSettings({ file: missing, env: ENV, need: { signer: false } })).toThrow(
      `${missing}: found no readable file (ENOENT)`,
    );
  });
});

describe('the schema', () => {
  it('takes the example as a standard validator, and refuses every fault of shape', () => {
    expect(Value.Check(ConfigSchema, parse(EXAMPLE))).toBe(true);
    for (const [what, changes] of SHAPE) {
      expect(Value.Check(ConfigSchema, parse(bend(changes))), what).toBe(false);
    }
    for (const [what, changes] of MEANING.filter(([name]) => !name.includes('in YAML'))) {
      expect(Value.Check(ConfigSchema, parse(bend(changes))), what).toBe(true);
    }
  });
});
