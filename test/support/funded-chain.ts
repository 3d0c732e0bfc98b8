import { privateKeyToAccount } from 'viem/accounts';
import type { Address } from '../../src/base/kernel/index.ts';
import { deployToken, fundLane, PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { startTestAnvil, type TestAnvil } from './anvil.ts';

const ETHER = 10n ** 18n;

/** Where a chain has no token. */
export const NO_TOKEN: Address = `0x${'00'.repeat(20)}`;

/**
 * A node with the development token and lanes that have enough of it. A chain of an earlier time knows only its
 * coin, since the token is of a later one; there the lanes have what every development account is born with.
 */
export async function startFundedChain(options: {
  lanes: number;
  blockTime: number;
  slotsInEpoch: number;
  hardfork?: 'berlin' | undefined;
  /** In the place of a node started here. */
  node?: TestAnvil | undefined;
}) {
  const { blockTime, slotsInEpoch, hardfork } = options;
  const time = hardfork === undefined ? {} : { hardfork };
  const gasLimit = 1_000_000_000;
  const anvil =
    options.node ?? (await startTestAnvil({ blockTime, slotsInEpoch, gasLimit, ...time }));
  const token = hardfork === undefined ? await deployToken(anvil.url) : NO_TOKEN;
  const keys = PUBLIC_DEVELOPMENT_KEYS.slice(1, 1 + options.lanes);
  const lanes = keys.map((privateKey, index) => ({
    address: privateKeyToAccount(privateKey).address.toLowerCase() as Address,
    keyId: `lane-${index + 1}`,
    privateKey,
  }));
  for (const lane of token === NO_TOKEN ? [] : lanes) {
    await fundLane(anvil.url, lane.address, {
      nativeWei: 1_000n * ETHER,
      tokenAmount: 10_000_000_000_000n,
    });
  }
  // Wallets are taken into the books as of what is final.
  await anvil.mine(2 * slotsInEpoch);
  return { anvil, token, lanes };
}
