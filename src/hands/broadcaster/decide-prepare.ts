import type { GasEstimate } from '../../base/chain/index.ts';

/** Why a transaction gets no slot yet; shown to its owner as `waiting`. */
export type WaitReason =
  | 'lane_missing'
  | 'lane_lease'
  | 'lane_paused'
  | 'lane_window'
  | 'lane_balance'
  | 'lane_gas'
  | 'fee_cap'
  | 'expired'
  | 'chain_unreachable'
  | 'chain_halted'
  | 'signing_frozen'
  | 'frozen'
  | 'policy_changed'
  | 'screening'
  | 'screening_unavailable'
  | 'signer_verdict'
  | 'simulation_reverted';

export type LaneState = {
  laneId: number;
  tenantId: string;
  chainId: number;
  held: boolean;
  paused: boolean;
  /** Paused since it has too little of the native coin. */
  lowGas?: boolean;
  /** By an operator. */
  frozen?: boolean;
  /** It makes moves between own wallets only. */
  treasury?: boolean;
  /** Slots that may still be given. */
  room: number;
  /** Free funds by the ledger, base units: of the asset paid, and of the native coin. */
  funds: ReadonlyMap<string, bigint>;
};

type Wanted = {
  tenantId: string;
  chainId: number;
  asset: string;
  amount: bigint;
  /** This lane and no other. */
  fromLane?: number | null;
};

/** What a slot takes from its lane: the amount, and the most that gas can cost. */
export function costOf(
  wanted: Wanted,
  nativeAsset: string,
  gasReserved: bigint,
): Map<string, bigint> {
  const cost = new Map([[nativeAsset, gasReserved]]);
  cost.set(wanted.asset, (cost.get(wanted.asset) ?? 0n) + wanted.amount);
  return cost;
}

/**
 * The lane that pays: of the tenant's lanes on the chain that are ours, open and covered, the one with the
 * most room. Otherwise the reason that is nearest to being cured.
 */
export function chooseLane(
  wanted: Wanted,
  lanes: readonly LaneState[],
  cost: ReadonlyMap<string, bigint>,
  nativeAsset: string,
): LaneState | WaitReason {
  const { fromLane = null } = wanted;
  const own = lanes.filter(
    (lane) =>
      lane.tenantId === wanted.tenantId &&
      lane.chainId === wanted.chainId &&
      (fromLane === null ? lane.treasury !== true : lane.laneId === fromLane),
  );
  if (own.length === 0) return 'lane_missing';
  const held = own.filter((lane) => lane.held);
  if (held.length === 0) return 'lane_lease';
  const open = held.filter((lane) => !lane.paused);
  if (open.length === 0) return held.some((lane) => lane.lowGas) ? 'lane_gas' : 'lane_paused';
  const thawed = open.filter((lane) => lane.frozen !== true);
  if (thawed.length === 0) return 'frozen';
  const withRoom = thawed.filter((lane) => lane.room > 0);
  if (withRoom.length === 0) return 'lane_window';
  const covered = withRoom.filter((lane) => covers(lane, cost));
  if (covered.length > 0)
    return covered.reduce((best, lane) => (lane.room > best.room ? lane : best));
  const gas = cost.get(nativeAsset) ?? 0n;
  const onlyGasLacks = withRoom.some(
    (lane) =>
      wanted.asset !== nativeAsset &&
      (lane.funds.get(wanted.asset) ?? 0n) >= wanted.amount &&
      (lane.funds.get(nativeAsset) ?? 0n) < gas,
  );
  return onlyGasLacks ? 'lane_gas' : 'lane_balance';
}

function covers(lane: LaneState, cost: ReadonlyMap<string, bigint>): boolean {
  return [...cost].every(([asset, amount]) => (lane.funds.get(asset) ?? 0n) >= amount);
}

const PLAIN_TRANSFER_GAS = 21_000n;

/** A storage slot that is written for the first time (EIP-2200's SSTORE_SET_GAS). */
const FIRST_WRITE_GAS = 20_000n;

/**
 * A quarter above the estimate, and at least one first write: a recipient that had something of the token when it was
 * asked may have nothing when it is mined. Plain transfers are exact.
 */
export function gasLimitOf(estimate: bigint, cap: bigint): bigint {
  if (estimate <= PLAIN_TRANSFER_GAS) return PLAIN_TRANSFER_GAS;
  const quarter = (estimate + 3n) / 4n;
  const limit = estimate + (quarter > FIRST_WRITE_GAS ? quarter : FIRST_WRITE_GAS);
  return limit < cap ? limit : cap;
}

/** Covers the effect, and a filler at one and a half times its fee, so that a slot can always be closed. */
export function gasReservedOf(gasLimit: bigint, maxFeePerGas: bigint): bigint {
  const filler = (PLAIN_TRANSFER_GAS * 3n) / 2n;
  return (gasLimit > filler ? gasLimit : filler) * maxFeePerGas;
}

type Simulated =
  | { kind: 'ok'; gasLimit: bigint }
  /** `detail`: what the contract or the node says. */
  | { kind: 'wait'; reason: WaitReason; detail: string }
  | { kind: 'refused'; message: string };

/** Tries after which a transfer that reverts in simulation is given up; nothing was signed, so it may end here. */
export const SIMULATION_TRIES = 4;

/**
 * What the simulation says, of a transfer that may have so much gas; a revert is believed after several tries, a node's
 * failure never.
 */
export function judgeEstimate(estimate: GasEstimate, tries: number, cap: bigint): Simulated {
  if (estimate.ok) {
    return estimate.gas > cap
      ? { kind: 'refused', message: `the transfer needs ${estimate.gas} gas, more than ${cap}` }
      : { kind: 'ok', gasLimit: gasLimitOf(estimate.gas, cap) };
  }
  const detail = estimate.message;
  if (estimate.kind === 'funds') return { kind: 'wait', reason: 'lane_gas', detail };
  if (estimate.kind === 'node') return { kind: 'wait', reason: 'chain_unreachable', detail };
  return tries >= SIMULATION_TRIES
    ? { kind: 'refused', message: `the transfer would revert: ${detail}` }
    : { kind: 'wait', reason: 'simulation_reverted', detail };
}
