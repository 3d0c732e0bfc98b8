import { privateKeyToAccount } from 'viem/accounts';
import type { ChainPort } from '../../../src/base/chain/index.ts';
import {
  developmentSettings,
  type Settings,
  type TreasurySettings,
} from '../../../src/base/config/index.ts';
import {
  type Address,
  caip19,
  type Hex,
  type Log,
  parseNetwork,
} from '../../../src/base/kernel/index.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../../src/doors/dev/index.ts';
import { FakeChain, type FakeNode } from '../fake-chain/index.ts';
import type { TestDatabases } from '../postgres.ts';

export const TOKEN: Address = `0x${'70'.repeat(20)}`;
export const CHAIN_ID = 31337;
const ETHER = 10n ** 18n;
const LANE_TOKENS = 1_000_000n * 10n ** 6n;
const LANE_COINS = 2_000n * ETHER;

/** Lanes with keys that everybody knows; the first of those belongs to who deploys the token. */
export function settingsOf(databases: TestDatabases, laneCount: number): Settings {
  const lanes = PUBLIC_DEVELOPMENT_KEYS.slice(1, 1 + laneCount).map((privateKey, index) => ({
    address: privateKeyToAccount(privateKey).address.toLowerCase() as Address,
    keyId: `lane-${index + 1}`,
    privateKey,
  }));
  const settings = developmentSettings({
    databaseUrl: databases.mainUrl,
    signerDatabaseUrl: databases.signerUrl,
    rpcUrl: 'http://127.0.0.1:1',
    token: TOKEN,
    lanes,
  });
  // Nobody waits for a chain that moves when the test does.
  return {
    ...settings,
    x402: { ...settings.x402, waitMs: 0, upstreamNetworks: [parseNetwork('127.0.0.0/8')!] },
  };
}

/** Its lanes are short of coin from the start; of both assets they keep less than they have. */
export const TOP_UP = { below: LANE_COINS + ETHER, amount: 10n * ETHER, perDay: 35n * ETHER };
export const TREASURY_KEY: Hex = PUBLIC_DEVELOPMENT_KEYS[7]!;

/** One more wallet, which fills the others and is swept to. */
export function withTreasury(settings: Settings): Settings {
  const address = privateKeyToAccount(TREASURY_KEY).address.toLowerCase() as Address;
  const { chain, chainId, tenant } = settings.lanes[0]!;
  const key = { id: 'treasury', kind: 'development' as const, privateKey: TREASURY_KEY };
  const wallet = { chain, chainId, address, key: key.id, tenant, minGas: 0n, minBalances: [] };
  const keep: TreasurySettings['keep'] = [
    { asset: caip19(CHAIN_ID, null), amount: LANE_COINS / 2n },
    { asset: caip19(CHAIN_ID, TOKEN), amount: LANE_TOKENS / 2n },
  ];
  return {
    ...settings,
    signer: { ...settings.signer!, keys: [...settings.signer!.keys, key] },
    lanes: [...settings.lanes, { ...wallet, purpose: 'treasury' }],
    treasury: [{ chainId, address, tenant, topUp: TOP_UP, keep }],
  };
}

export function freshChain(settings: Settings, blocks: number): FakeChain {
  const tokens = [{ address: TOKEN, decimals: 6, eip712: { name: 'USD Coin', version: '2' } }];
  const chain = new FakeChain({ seed: 1, chainId: CHAIN_ID, slotsInEpoch: 3, tokens });
  for (const { address } of settings.lanes) {
    chain.give(address, LANE_COINS);
    chain.give(address, LANE_TOKENS, TOKEN);
  }
  chain.mine(blocks);
  return chain;
}

/** The port to whatever node there is at the moment. */
export function portTo(node: () => FakeNode): ChainPort {
  return new Proxy({} as ChainPort, {
    get: (_, name: keyof ChainPort) => {
      const target = node();
      return (...args: unknown[]) =>
        (target[name] as (...args: unknown[]) => unknown).apply(target, args);
    },
  });
}

/** Warnings and worse, as lines. */
export function logTo(told: string[]): Log {
  const write = (fields: object, message: string) => {
    told.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { debug() {}, info() {}, warn: write, error: write };
}
