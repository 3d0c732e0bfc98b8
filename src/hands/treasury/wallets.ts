import type { AssetSettings, Settings } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { checksummed, formatAmount } from '../../base/kernel/index.ts';
import { type LaneBalance, readLaneBalances } from '../../books/ledger/index.ts';
import { type LaneRow, readLanes } from '../../books/tx/index.ts';
import { decideLow } from './low.ts';

export type WalletView = {
  id: string;
  /** The configuration's name of the chain; null: it is no longer configured. */
  chain: string | null;
  chainId: number;
  address: string;
  /** 'pay': it pays withdrawals; 'treasury': it fills those. */
  purpose: 'pay' | 'treasury';
  /** As the configuration has it: it gives no more slots, and another lane is to take its place. */
  retired: boolean;
  nonces: { next: string; mined: string; final: string };
  inFlight: number;
  window: number | null;
  paused: { reason: string; since: string | null; by: string | null; note: string | null } | null;
  /** What it has less of than its minimum in the configuration. */
  low: { asset: string; minimum: string }[];
  /** By the books: what is free, and what is set aside for the gas of slots under way. */
  balances: { asset: string; available: string; availableAtomic: string; gasSetAside: string }[];
};

type Known = Pick<Settings, 'chains' | 'assets' | 'lanes'>;

/** The hot wallets of a tenant, or of all. Reads rows only; no node is asked. */
export async function readWallets(
  sql: Sql,
  known: Known,
  tenantId: string | null,
): Promise<WalletView[]> {
  const lanes = (await readLanes(sql)).filter(
    (lane) => tenantId === null || lane.tenantId === tenantId,
  );
  const balances = await readLaneBalances(
    sql,
    lanes.map((lane) => lane.laneId),
  );
  return lanes.map((lane) =>
    viewOf(
      lane,
      balances.filter((one) => one.laneId === lane.laneId),
      known,
    ),
  );
}

function viewOf(lane: LaneRow, balances: readonly LaneBalance[], known: Known): WalletView {
  const chain = known.chains.find(({ chainId }) => chainId === lane.chainId);
  return {
    id: String(lane.laneId),
    chain: chain?.id ?? null,
    chainId: lane.chainId,
    address: checksummed(lane.address),
    purpose: lane.purpose,
    retired: known.lanes.some(
      ({ chainId, address, retired }) =>
        retired === true && chainId === lane.chainId && address === lane.address,
    ),
    nonces: {
      next: lane.nextNonce.toString(),
      mined: lane.minedNonce.toString(),
      final: lane.finalNonce.toString(),
    },
    // What others used beyond our next nonce is nothing of ours under way.
    inFlight: Math.max(0, Number(lane.nextNonce - lane.minedNonce)),
    window: chain?.window ?? null,
    paused:
      lane.pausedReason === null
        ? null
        : {
            reason: lane.pausedReason,
            since: lane.pausedAt?.toISOString() ?? null,
            by: lane.pausedBy,
            note: lane.pausedNote,
          },
    low: lowOf(lane, balances, known),
    balances: balances.map((balance) => amountsOf(balance, known.assets)),
  };
}

function lowOf(lane: LaneRow, balances: readonly LaneBalance[], known: Known): WalletView['low'] {
  return decideLow([lane], balances, known.lanes).map(({ asset, minimum }) => {
    const { id, decimals } = namesOf(asset, known.assets);
    return { asset: id, minimum: formatAmount(minimum, decimals) };
  });
}

/** Of what is not configured only base units are known; the native coin has 18 decimals on every chain of ours. */
function namesOf(
  asset: string,
  assets: readonly AssetSettings[],
): { id: string; decimals: number } {
  const settings = assets.find(({ caip19 }) => caip19 === asset);
  return settings ?? { id: asset, decimals: asset.endsWith('/slip44:60') ? 18 : 0 };
}

/** An amount of an asset by the names and decimals of the configuration. */
export function shownAmount(
  { asset, amount }: { asset: string; amount: bigint },
  { assets }: Pick<Known, 'assets'>,
): { asset: string; amount: string } {
  const { id, decimals } = namesOf(asset, assets);
  return { asset: id, amount: formatAmount(amount, decimals) };
}

export type MoveView = {
  id: string;
  kind: string;
  from: string;
  to: string;
  asset: string;
  amount: string;
};

export function moveView(
  move: {
    moveId: string;
    kind: string;
    fromLane: number;
    toLane: number;
    asset: string;
    amount: bigint;
  },
  known: Pick<Known, 'assets'>,
): MoveView {
  const { moveId: id, kind, fromLane, toLane } = move;
  return { id, kind, from: String(fromLane), to: String(toLane), ...shownAmount(move, known) };
}

function amountsOf(
  { asset, hot, gasInTransit }: LaneBalance,
  assets: readonly AssetSettings[],
): WalletView['balances'][number] {
  const { id, decimals } = namesOf(asset, assets);
  return {
    asset: id,
    available: formatAmount(hot, decimals),
    availableAtomic: hot.toString(),
    gasSetAside: formatAmount(gasInTransit, decimals),
  };
}
