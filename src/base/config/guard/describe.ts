import { checksummed, formatAmount } from '../../kernel/index.ts';
import type { AssetSettings } from '../settings.ts';
import type { GuardSettings } from './settings.ts';

/** The signer's own rules with amounts in their assets' unit. */
export function describeGuard({
  guard: { approvals, walletGroups, limits },
  assets,
}: {
  guard: GuardSettings;
  assets: readonly AssetSettings[];
}): Record<string, unknown> {
  const inUnit = (asset: string, amount: bigint) => {
    const found = assets.find(({ caip19 }) => caip19 === asset);
    return formatAmount(amount, found?.decimals ?? 18);
  };
  const nameOf = (asset: string) => assets.find(({ caip19 }) => caip19 === asset)?.id ?? asset;
  return {
    approvals: {
      ...approvals,
      thresholds: approvals.thresholds.map(({ kind, asset, above, requirement }) => ({
        kind,
        asset: nameOf(asset),
        above: inUnit(asset, above),
        requirement,
      })),
    },
    walletGroups: walletGroups.map(({ id, lanes }) => ({
      id,
      lanes: lanes.map(({ chainId, address }) => ({ chainId, address: checksummed(address) })),
    })),
    limits: limits.map(({ walletGroup, asset, perTransaction, windows }) => ({
      walletGroup,
      asset: nameOf(asset),
      perTransaction: perTransaction === null ? null : inUnit(asset, perTransaction),
      windows: windows.map(({ ms, amount }) => ({
        seconds: ms / 1000,
        amount: inUnit(asset, amount),
      })),
    })),
  };
}
