import { readAddress, readChainOf } from '../assets.ts';
import { refuseRepeat } from '../chains.ts';
import { type Faults, shown } from '../faults.ts';
import type { ConfigFile } from '../schema/schema.ts';
import type { AssetSettings, ChainSettings, LaneSettings } from '../settings.ts';
import type { Loose } from '../shape.ts';
import { type AmountOf, amountReader } from './amounts.ts';
import { readApprovals } from './approvals.ts';
import type { GuardSettings, LimitSettings, WalletGroup } from './settings.ts';

type SignerSection = Loose<NonNullable<ConfigFile['signer']>>;
type Known = {
  chains: readonly ChainSettings[];
  assets: readonly AssetSettings[];
  lanes: readonly LaneSettings[];
};

/** Meaning of the signer's own rules: approvals, wallet groups, limits. */
export function readGuard(section: SignerSection, known: Known, faults: Faults): GuardSettings {
  const amountOf = amountReader(known, faults);
  const approvals = readApprovals(section, amountOf, faults);
  const walletGroups = readWalletGroups(section, known, faults);
  return { approvals, walletGroups, limits: readLimits(section, walletGroups, amountOf, faults) };
}

/** Without the section the wallets of each tenant are a group, under its name. */
export function walletGroupsOfTenants(lanes: readonly LaneSettings[]): WalletGroup[] {
  return [...new Set(lanes.map(({ tenant }) => tenant))].map((tenant) => ({
    id: tenant,
    lanes: lanes
      .filter((lane) => lane.tenant === tenant)
      .map(({ chainId, address }) => ({ chainId, address })),
  }));
}

/** Every wallet is in one group, and those of which any may make a payment are in the same. */
function readWalletGroups(
  section: SignerSection,
  { chains, lanes }: Known,
  faults: Faults,
): WalletGroup[] {
  if (section.walletGroups === undefined) return walletGroupsOfTenants(lanes);
  const ids = new Map<string, number>();
  const groupOf = new Map<string, string>();
  const groups = section.walletGroups.map((one = {}, index): WalletGroup => {
    const path = `signer.walletGroups[${index}]`;
    refuseRepeat(ids, one.id ?? '', index, `${path}.id`, 'signer.walletGroups', faults);
    const members = (one.lanes ?? []).flatMap((lane = {}, place) => {
      const at = `${path}.lanes[${place}]`;
      if (lane.chain === undefined || lane.address === undefined) return [];
      const chainId = readChainOf(lane.chain, `${at}.chain`, chains, faults);
      const address = readAddress(lane.address, `${at}.address`, faults);
      if (chainId === 0 || address === '0x') return [];
      if (!lanes.some((known) => known.chainId === chainId && known.address === address)) {
        faults.add(at, shown(`${address} on ${lane.chain}`), 'a wallet of lanes or treasury');
      }
      const wallet = `${chainId}:${address}`;
      const first = groupOf.get(wallet);
      if (first === undefined) groupOf.set(wallet, one.id ?? '');
      else faults.add(at, shown(`${address}, which ${first} has`), 'a wallet of one group');
      return [{ chainId, address }];
    });
    return { id: one.id ?? '', lanes: members };
  });
  const ofTenant = new Map<string, string>();
  for (const { chain, chainId, address, tenant, purpose } of lanes) {
    const group = groupOf.get(`${chainId}:${address}`);
    if (group === undefined) {
      faults.add(
        'signer.walletGroups',
        `no group with ${address} on ${chain}`,
        'every wallet in one group',
      );
    } else if (purpose === 'pay') {
      const place = `${tenant} on ${chain}`;
      const other = ofTenant.get(place) ?? group;
      ofTenant.set(place, other);
      if (other !== group) {
        faults.add(
          'signer.walletGroups',
          `${place} in ${other} and in ${group}`,
          'one group, since any of its lanes may pay',
        );
      }
    }
  }
  return groups;
}

function readLimits(
  section: SignerSection,
  groups: readonly WalletGroup[],
  amountOf: AmountOf,
  faults: Faults,
): LimitSettings[] {
  const seen = new Map<string, number>();
  return (section.limits ?? []).flatMap((one = {}, index) => {
    const path = `signer.limits[${index}]`;
    const { walletGroup = '' } = one;
    if (walletGroup !== '' && !groups.some(({ id }) => id === walletGroup)) {
      faults.add(
        `${path}.walletGroup`,
        shown(walletGroup),
        `one of the groups ${groups.map(({ id }) => id).join(', ')}`,
      );
    }
    const { asset, amount: cap } = amountOf(one.asset, one.perTransaction, path, 'perTransaction');
    if (asset === '') return [];
    refuseRepeat(seen, `${walletGroup} ${asset}`, index, path, 'signer.limits', faults);
    const windows = (one.windows ?? []).map((window = {}, place) => ({
      ms: (window.seconds ?? 0) * 1000,
      amount: amountOf(one.asset, window.amount, `${path}.windows[${place}]`, 'amount').amount,
    }));
    if (one.perTransaction === undefined && windows.length === 0) {
      faults.add(path, 'no limit', 'perTransaction, windows, or both');
    }
    const perTransaction = one.perTransaction === undefined ? null : cap;
    return [{ walletGroup, asset, perTransaction, windows }];
  });
}
