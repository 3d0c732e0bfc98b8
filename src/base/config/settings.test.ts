import { describe, expect, it } from 'vitest';
import { policyVersionOf } from './assets.ts';
import { isPrivateHost } from './chains.ts';
import { describeSettings } from './describe.ts';
import { developmentSettings } from './development.ts';
import { Assets, type Tier } from './settings.ts';

const TOKEN = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const LANE = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const PRIVATE_KEY = `0x${'5e'.repeat(32)}`;

const development = () =>
  developmentSettings({
    databaseUrl: 'postgres://me:s3cret@127.0.0.1:5433/payonce',
    signerDatabaseUrl: 'postgres://me:s3cret@127.0.0.1:5433/signer',
    rpcUrl: 'http://127.0.0.1:8545/s3cret',
    token: TOKEN,
    lanes: [{ address: LANE, keyId: 'dev-1', privateKey: PRIVATE_KEY }],
  });

describe('policyVersionOf', () => {
  const tiers: Tier[] = [{ name: 'low', upTo: 1000n, commitAt: 'safe' }];
  const a = { caip19: 'eip155:1/slip44:60', tiers };
  const b = { caip19: 'eip155:10/slip44:60', tiers: [{ ...tiers[0]!, upTo: null }] };

  it('is the SHA-256 of the canonical tiers', () => {
    // printf '[{"caip19":"eip155:1/slip44:60","tiers":[{"commitAt":"safe","name":"low","upTo":"1000"}]}]' | sha256sum
    expect(policyVersionOf([a])).toBe(
      'config:9e7b93d3507b8f732f592f3291155d9ddf610588c97304de149994ab597c7f24',
    );
  });

  it('does not follow the order of the file, but every word that decides', () => {
    const version = policyVersionOf([a, b]);
    expect(policyVersionOf([b, a])).toBe(version);
    const changed: Partial<Tier>[] = [
      { name: 'l' },
      { upTo: 1001n },
      { upTo: null },
      { commitAt: 'finalized' },
    ];
    for (const change of changed) {
      expect(policyVersionOf([{ ...a, tiers: [{ ...tiers[0]!, ...change }] }, b])).not.toBe(
        version,
      );
    }
  });
});

describe('developmentSettings', () => {
  it('is one local chain with a token, the native coin and the given lanes', () => {
    const settings = development();
    expect(settings.chains).toMatchObject([
      { id: 'local', chainId: 31337, window: 4096, pollMs: 500 },
    ]);
    expect(settings.assets).toMatchObject([
      {
        id: 'USDC',
        address: TOKEN,
        minimum: 1_000_000n,
        fee: 500_000n,
        tiers: [
          { name: 'low', upTo: 1_000_000_000n, commitAt: 'safe' },
          { name: 'medium', upTo: 100_000_000_000n, commitAt: 'finalized' },
        ],
      },
      {
        id: 'ETH',
        address: null,
        minimum: 10n ** 15n,
        fee: 5n * 10n ** 14n,
        tiers: [
          { name: 'low', upTo: 10n ** 18n, commitAt: 'safe' },
          { name: 'medium', upTo: 50n * 10n ** 18n, commitAt: 'finalized' },
        ],
      },
    ]);
    expect(settings.lanes).toEqual([
      {
        ...{ chain: 'local', chainId: 31337, address: LANE, key: 'dev-1', tenant: 'demo' },
        ...{ purpose: 'pay', minGas: 0n, minBalances: [] },
      },
    ]);
    expect(settings.signer?.keys).toEqual([
      { id: 'dev-1', kind: 'development', privateKey: PRIVATE_KEY },
    ]);
  });
});

describe('describeSettings', () => {
  it('shows hosts, ids and amounts, and no secret', () => {
    const described = describeSettings(development());
    expect(JSON.stringify(described)).not.toMatch(/s3cret|5e5e5e/);
    expect(described).toMatchObject({
      database: { host: 'postgres://127.0.0.1:5433' },
      signer: { keys: [{ id: 'dev-1', kind: 'development' }] },
      chains: [
        {
          rpc: [{ host: 'http://127.0.0.1:8545' }],
          fees: { maxFeePerGasGwei: '50', percentile: 50, baseFeeMultiplier: '2' },
        },
      ],
      assets: [{ minimum: '1', fee: '0.5', tiers: [{ upTo: '1000' }, {}] }, { id: 'ETH' }],
    });
  });
});

describe('Assets', () => {
  it('finds an asset by id and by CAIP-19 id in any case of the address', () => {
    const assets = new Assets(development().assets);
    expect(assets.find('USDC')?.address).toBe(TOKEN);
    expect(assets.find(`eip155:31337/erc20:${TOKEN.toUpperCase().replace('0X', '0x')}`)?.id).toBe(
      'USDC',
    );
    expect(assets.find('eip155:31337/slip44:60')?.id).toBe('ETH');
    expect(assets.find('usdc')).toBeUndefined();
  });
});

it.each([
  ['127.0.0.1', true],
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.1', true],
  ['169.254.169.254', false],
  ['8.8.8.8', false],
  ['[::1]', true],
  ['[fd12::1]', true],
  ['[2001:db8::1]', false],
  ['localhost', true],
  ['anvil', true],
  ['node.svc', true],
  ['localhost.example.com', false],
  ['10.example.com', false],
])('%s is a private host: %s', (host, expected) => {
  expect(isPrivateHost(host)).toBe(expected);
});
