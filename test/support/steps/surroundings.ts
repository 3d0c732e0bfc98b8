import { privateKeyToAccount } from 'viem/accounts';
import type { ChainPort } from '../../../src/base/chain/index.ts';
import { developmentSettings, type Settings } from '../../../src/base/config/index.ts';
import type { Address, Log } from '../../../src/base/kernel/index.ts';
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
  return developmentSettings({
    databaseUrl: databases.mainUrl,
    signerDatabaseUrl: databases.signerUrl,
    rpcUrl: 'http://127.0.0.1:1',
    token: TOKEN,
    lanes,
  });
}

export function freshChain(settings: Settings, blocks: number): FakeChain {
  const tokens = [{ address: TOKEN, decimals: 6 }];
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
