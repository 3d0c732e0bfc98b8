import type { LaneSettings, TreasurySettings } from '../../../base/config/index.ts';
import {
  caip19,
  type Level,
  type Refusal,
  refuse,
  type TxState,
} from '../../../base/kernel/index.ts';
import type { LaneBalance } from '../../../books/ledger/index.ts';
import type { LaneRow } from '../../../books/tx/index.ts';
import { decideLow } from '../low.ts';

/** A move that should be made. Amounts in base units. */
export type Move = {
  kind: 'topup' | 'sweep';
  from: LaneRow;
  to: LaneRow;
  asset: string;
  amount: bigint;
};

/** What was asked for before: of the last 25 hours, and whatever is under way. */
export type EarlierMove = {
  kind: 'topup' | 'sweep';
  fromLane: number;
  toLane: number;
  asset: string;
  /** Null: under way. */
  outcome: 'arrived' | 'unpaid' | null;
  ageMs: number;
};

export type Wallets = {
  lanes: readonly LaneRow[];
  balances: readonly Pick<LaneBalance, 'laneId' | 'asset' | 'hot'>[];
  treasury: readonly TreasurySettings[];
};

/** Nothing is sent to, or asked of, a wallet that a person has paused or that somebody else may sign for. */
const MOVABLE: readonly (string | null)[] = [null, 'low_gas', 'funds'];

/** A top-up that came to nothing cost gas: the next one waits. */
const AFTER_UNPAID_MS = 3_600_000;

/**
 * Lanes with less gas than the treasury's limit get its amount each, as long as nothing is under way to them
 * and the day's limit holds; never one that the configuration has retired or does not name, whose key may not be ours alone.
 * The signer counts a day of 24 hours by when it signed, so 25 are counted here:
 * an order that it would refuse costs a nonce.
 */
export function planTopUps(
  wallets: Wallets,
  settings: readonly LaneSettings[],
  earlier: readonly EarlierMove[],
): Move[] {
  const isServed = ({ chainId, address }: LaneRow) =>
    settings.some(
      (one) => one.chainId === chainId && one.address === address && one.retired !== true,
    );
  return fillings(wallets).flatMap(({ from, lanes, topUp }) => {
    if (topUp === null) return [];
    const asset = caip19(from.chainId, null);
    const mine = earlier.filter((move) => move.kind === 'topup' && move.fromLane === from.laneId);
    const poor = lanes.filter(isServed).filter((lane) => {
      const before = mine.filter((move) => move.toLane === lane.laneId);
      const waits = before.some(
        ({ outcome, ageMs }) =>
          outcome === null || (outcome === 'unpaid' && ageMs < AFTER_UNPAID_MS),
      );
      return !waits && hotOf(wallets, lane, asset) < topUp.below;
    });
    const room = topUp.perDay / topUp.amount - BigInt(mine.length);
    return poor
      .slice(0, room > 0n ? Number(room) : 0)
      .map((to) => ({ kind: 'topup' as const, from, to, asset, amount: topUp.amount }));
  });
}

/** What these lanes have above what the treasury lets them keep, of the assets that it names. */
export function planSweeps(wallets: Wallets, laneIds: ReadonlySet<number>): Move[] {
  return fillings(wallets).flatMap(({ from: treasury, lanes, keep }) =>
    lanes
      .filter((lane) => laneIds.has(lane.laneId))
      .flatMap((lane) =>
        keep.flatMap(({ asset, amount }): Move[] => {
          const surplus = hotOf(wallets, lane, asset) - amount;
          return surplus > 0n
            ? [{ kind: 'sweep', from: lane, to: treasury, asset, amount: surplus }]
            : [];
        }),
      ),
  );
}

/** Why a lane can not be swept; null: it can, if it has more than it is to keep. */
export function judgeSweep(wallets: Wallets, lane: LaneRow): Refusal | null {
  const no = (detail: string, reason: string) =>
    refuse('not_sweepable', `Wallet ${lane.laneId} ${detail}.`, { members: { reason } });
  if (lane.purpose === 'treasury') return no('is a treasury wallet itself', 'treasury_wallet');
  if (!MOVABLE.includes(lane.pausedReason)) return no(`is paused (${lane.pausedReason})`, 'paused');
  return fillings(wallets).some(({ lanes }) => lanes.includes(lane))
    ? null
    : no('has no open treasury wallet of its tenant and chain', 'no_treasury');
}

/** What a person may want to move so that every lane has its minimums; nothing of it is done here. */
export type Proposal = { from: number; to: number; asset: string; amount: bigint };

/** For each lane that is low, from the wallet of its tenant and chain that has the most to spare. */
export function proposeRebalancing(
  wallets: Wallets,
  settings: readonly LaneSettings[],
): Proposal[] {
  const low = decideLow(wallets.lanes, wallets.balances, settings).filter(({ lane }) =>
    MOVABLE.includes(lane.pausedReason),
  );
  const spare = (lane: LaneRow, asset: string) => {
    const kept = decideLow([lane], [], settings).find((one) => one.asset === asset)?.minimum ?? 0n;
    return hotOf(wallets, lane, asset) - kept;
  };
  return low.flatMap(({ lane, asset, balance, minimum }) => {
    const others = wallets.lanes.filter(
      (one) =>
        one.laneId !== lane.laneId &&
        MOVABLE.includes(one.pausedReason) &&
        one.tenantId === lane.tenantId &&
        one.chainId === lane.chainId,
    );
    const [best] = others
      .map((one) => ({ one, spare: spare(one, asset) }))
      .sort((a, b) => (a.spare < b.spare ? 1 : -1));
    if (best === undefined || best.spare <= 0n) return [];
    const lacks = minimum - balance;
    const amount = best.spare < lacks ? best.spare : lacks;
    return [{ from: best.one.laneId, to: lane.laneId, asset, amount }];
  });
}

/**
 * What the end of its transaction means for a move, as far as the canonical chain shows that end finalized; null: it
 * has not ended. Without a slot nothing can be mined.
 */
export function decideMove(
  tx: { status: TxState; slot: unknown },
  chain: { level: Level; paid: boolean; replaced: boolean },
): 'arrived' | 'unpaid' | null {
  const final = chain.level === 'finalized';
  switch (tx.status) {
    case 'FINAL':
      return final && chain.paid ? 'arrived' : null;
    case 'REPLACED':
      return chain.replaced ? 'unpaid' : null;
    case 'REVERTED':
    case 'CANCELLED':
      return (final && !chain.paid) || tx.slot === null ? 'unpaid' : null;
    default:
      return null;
  }
}

/** Treasury wallets in the books that may be used, each with the lanes that it is for and that may. */
function fillings({ lanes, treasury }: Wallets) {
  return treasury.flatMap(({ chainId, address, topUp, keep }) => {
    const from = lanes.find(
      (lane) => lane.purpose === 'treasury' && lane.chainId === chainId && lane.address === address,
    );
    if (from === undefined || !MOVABLE.includes(from.pausedReason)) return [];
    const own = lanes.filter(
      (lane) =>
        lane.purpose === 'pay' &&
        lane.chainId === chainId &&
        lane.tenantId === from.tenantId &&
        MOVABLE.includes(lane.pausedReason),
    );
    return [{ from, lanes: own, topUp, keep }];
  });
}

function hotOf({ balances }: Wallets, { laneId }: LaneRow, asset: string): bigint {
  return balances.find((one) => one.laneId === laneId && one.asset === asset)?.hot ?? 0n;
}
