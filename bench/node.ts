import type { Address } from '../src/base/kernel/index.ts';
import {
  type AnvilNode,
  deployToken,
  fundLane,
  rpcCall,
  startAnvil,
} from '../src/doors/dev/index.ts';
import { guard } from '../test/support/guard.ts';

const ETHER = 10n ** 18n;
const LANE_TOKENS = 10_000_000_000_000n;
export const BLOCK_SECONDS = 1;
export const SLOTS_IN_EPOCH = 4;
const GAS_LIMIT = 1_000_000_000;

/** A node with blocks of its own time, the token, and lanes that have enough of everything. */
export async function startNode(
  folder: string,
  lanes: readonly { address: Address }[],
): Promise<AnvilNode> {
  const anvil = await startAnvil({
    stateDir: folder,
    blockTime: BLOCK_SECONDS,
    slotsInEpoch: SLOTS_IN_EPOCH,
    gasLimit: GAS_LIMIT,
    saveEvery: null,
  });
  guard(anvil.pid);
  await deployToken(anvil.url);
  for (const { address } of lanes) {
    await fundLane(anvil.url, address, { nativeWei: 5_000n * ETHER, tokenAmount: LANE_TOKENS });
  }
  // Wallets are taken into the books as of what is final.
  await rpcCall(anvil.url, 'anvil_mine', [`0x${(2 * SLOTS_IN_EPOCH).toString(16)}`]);
  return anvil;
}
