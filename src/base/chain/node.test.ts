import { privateKeyToAddress } from 'viem/accounts';
import { beforeAll, describe } from 'vitest';
import { chainPortConformance } from '../../../test/conformance/chain-port.ts';
import { MirroredAnvils } from '../../../test/support/mirrored-anvils.ts';
import { type Address, type Hex, silentLog, systemClock } from '../kernel/index.ts';
import { type ChainPort, NodeChain, openChainPool } from './index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const LANE = privateKeyToAddress(KEY).toLowerCase() as Address;
const SLOTS_IN_EPOCH = 4;

const pool = (urls: readonly string[]) =>
  openChainPool({
    chain: {
      id: 'local',
      chainId: 31337,
      rpc: urls.map((url) => ({ url, roles: ['read', 'send'] })),
    },
    clock: systemClock,
    log: silentLog,
  });

describe.each<[string, number, (urls: string[]) => ChainPort]>([
  ['NodeChain', 1, ([url]) => new NodeChain({ url: url! })],
  ['a pool of one', 1, pool],
  ['a pool of three', 3, pool],
])('%s on anvil', (_what, count, portOf) => {
  let anvils: MirroredAnvils;
  let chain: ChainPort;
  let token: Address;

  beforeAll(async () => {
    anvils = await MirroredAnvils.start(count, { slotsInEpoch: SLOTS_IN_EPOCH });
    chain = portOf(anvils.urls);
    token = await anvils.deployToken(LANE);
  });

  chainPortConformance(() => ({
    chain,
    chainId: 31337,
    slotsInEpoch: SLOTS_IN_EPOCH,
    mine: (blocks) => anvils.mine(blocks),
    drop: async (hash) => void (await anvils.each('anvil_dropTransaction', hash)),
    reorg: async (depth) => void (await anvils.each('anvil_reorg', depth, [])),
    lane: LANE,
    key: KEY,
    token,
  }));
});
