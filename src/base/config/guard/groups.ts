import type { Address } from '../../kernel/index.ts';
import type { LaneSettings } from '../settings.ts';
import type { WalletGroup } from './settings.ts';

/** The group of a wallet; the configuration puts each into one. */
export function groupOfLane(
  groups: readonly WalletGroup[],
  wallet: { chainId: number; address: Address },
): string | null {
  const group = groups.find(({ lanes }) =>
    lanes.some((lane) => lane.chainId === wallet.chainId && lane.address === wallet.address),
  );
  return group?.id ?? null;
}

/** The group that makes a tenant's payments on a chain, whichever of its lanes does; null: it has none there. */
export function walletGroupOf(
  settings: { guard: { walletGroups: readonly WalletGroup[] }; lanes: readonly LaneSettings[] },
  payer: { tenant: string; chainId: number },
): string | null {
  const lane = settings.lanes.find(
    ({ tenant, chainId, purpose }) =>
      tenant === payer.tenant && chainId === payer.chainId && purpose === 'pay',
  );
  return lane === undefined ? null : groupOfLane(settings.guard.walletGroups, lane);
}
