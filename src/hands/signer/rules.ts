import {
  type ApprovalSettings,
  Assets,
  type LimitSettings,
  type Settings,
  signingRulesDigest,
  type TreasurySettings,
} from '../../base/config/index.ts';
import { type Address, ConfigurationError } from '../../base/kernel/index.ts';
import type { Keystore } from './keystore/keystore.ts';

/** What the signer measures orders by: its own configuration, never a row. */
export type SigningRules = {
  /** Of the configuration that they come from. */
  digest: Buffer;
  policyVersion: string;
  /** By chain id; the cap in wei a gas. */
  chains: ReadonlyMap<number, { maxFeePerGas: bigint }>;
  assets: Assets;
  /** By laneKey. */
  lanes: ReadonlyMap<
    string,
    {
      keyId: string;
      tenant: string;
      purpose: 'pay' | 'treasury';
      walletGroup: string;
      retired?: true;
    }
  >;
  /** By treasuryKey: the tenant's own wallet that fills and empties its lanes. Amounts in wei. */
  treasury: ReadonlyMap<string, Pick<TreasurySettings, 'address' | 'topUp'>>;
  approvals: ApprovalSettings;
  /** By limitKey. */
  limits: ReadonlyMap<string, LimitSettings>;
};

export function laneKey(chainId: number, address: Address): string {
  return `${chainId}:${address}`;
}

export function treasuryKey(chainId: number, tenant: string): string {
  return `${chainId}:${tenant}`;
}

export function limitKey(of: { walletGroup: string; asset: string }): string {
  return `${of.walletGroup} ${of.asset}`;
}

/** Throws ConfigurationError when a lane's key is missing or belongs to another address. */
export function signingRules(
  settings: Pick<Settings, 'policyVersion' | 'chains' | 'assets' | 'lanes' | 'treasury' | 'guard'>,
  keystore: Keystore,
): SigningRules {
  for (const lane of settings.lanes) {
    const address = keystore.address(lane.key);
    if (address !== lane.address) {
      throw new ConfigurationError(
        `lane ${lane.address} on ${lane.chain}: its key ${lane.key} ${address === undefined ? 'is not configured' : `belongs to ${address}`}`,
      );
    }
  }
  const { approvals, walletGroups, limits } = settings.guard;
  const groups = new Map(
    walletGroups.flatMap(({ id, lanes }) =>
      lanes.map(({ chainId, address }) => [laneKey(chainId, address), id] as const),
    ),
  );
  return {
    digest: signingRulesDigest(settings),
    policyVersion: settings.policyVersion,
    chains: new Map(
      settings.chains.map((chain) => [chain.chainId, { maxFeePerGas: chain.fees.maxFeePerGas }]),
    ),
    assets: new Assets(settings.assets),
    lanes: new Map(
      settings.lanes.map((lane) => [
        laneKey(lane.chainId, lane.address),
        {
          ...{ keyId: lane.key, tenant: lane.tenant, purpose: lane.purpose },
          ...(lane.retired ? { retired: lane.retired } : {}),
          // Every wallet is in one: the configuration was refused otherwise.
          walletGroup: groups.get(laneKey(lane.chainId, lane.address))!,
        },
      ]),
    ),
    treasury: new Map(
      settings.treasury.map(({ chainId, tenant, address, topUp }) => [
        treasuryKey(chainId, tenant),
        { address, topUp },
      ]),
    ),
    approvals,
    limits: new Map(limits.map((limit) => [limitKey(limit), limit])),
  };
}
