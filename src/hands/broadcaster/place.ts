import { caip19 } from '../../base/kernel/index.ts';
import { leavesLane, type TxRow } from '../../books/tx/index.ts';
import { chooseLane, costOf, type WaitReason } from './decide-prepare.ts';
import type { Lane } from './observe.ts';

/** `gasReserved`: taken from what its lane was seen to have. */
export type Place = { tx: TxRow; lane: Lane; gasReserved: bigint };

/** Chooses a lane and takes room and funds from what was observed, so that the next one sees the rest. */
export function choose(tx: TxRow, lanes: Lane[], gasReserved: bigint): Lane | WaitReason {
  const native = caip19(tx.chainId, null);
  const wanted = { ...tx, amount: leavesLane(tx) };
  const cost = costOf(wanted, native, gasReserved);
  const choice = chooseLane(
    wanted,
    lanes.map((lane) => lane.state),
    cost,
    native,
  );
  if (typeof choice === 'string') return choice;
  const lane = lanes.find((candidate) => candidate.state === choice)!;
  take(lane, cost, 1);
  return lane;
}

function take({ state }: Lane, cost: ReadonlyMap<string, bigint>, slots: 1 | -1): void {
  state.room -= slots;
  for (const [asset, amount] of cost) {
    state.funds.set(asset, (state.funds.get(asset) ?? 0n) - BigInt(slots) * amount);
  }
}

/** Takes the gas that it needs instead of what was thought; false, and all of it given back: its lane has not that much. */
export function takeGas({ tx, lane, gasReserved }: Place, needed: bigint): boolean {
  const native = caip19(tx.chainId, null);
  const costing = (gas: bigint) => costOf({ ...tx, amount: leavesLane(tx) }, native, gas);
  take(lane, costing(gasReserved), -1);
  const covered = (lane.state.funds.get(native) ?? 0n) >= costing(needed).get(native)!;
  if (covered) take(lane, costing(needed), 1);
  return covered;
}
