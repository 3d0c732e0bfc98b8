import { FILLER_GAS_LIMIT, fillerFeeCap } from '../../../base/effect/index.ts';
import type { SlotBids } from '../../../books/tx/index.ts';
import { gasReservedOf } from '../decide-prepare.ts';
import { type ChainFees, dueNow, type Price, quote } from '../gas/quote.ts';

export type BidAction =
  | { kind: 'order'; of: 'effect' | 'filler'; gasLimit: bigint; gasReserved: bigint; price: Price }
  /** What would be taken is dearer than the cap: the old bytes are sent on until fees fall. */
  | { kind: 'at_cap' }
  /** The lane's free coin does not cover the dearer attempt. */
  | { kind: 'lane_gas' };

type Slot = Pick<
  SlotBids,
  'maxFeePerGas' | 'maxPriorityFeePerGas' | 'gasLimit' | 'gasReserved' | 'wishedFee'
>;

/**
 * An eighth more, rounded up, and at least one wei: nodes take a replacement for 10 % on both fees, some for
 * 12.5 %, and from 0 only for more than 0.
 */
export function raised(fee: bigint): bigint {
  const more = (fee + 7n) / 8n;
  return fee + (more > 0n ? more : 1n);
}

const larger = (one: bigint, other: bigint) => (one > other ? one : other);
const smaller = (one: bigint, other: bigint) => (one < other ? one : other);

/**
 * The next bid for a slot. Both fees are raised above the dearest before, since that one may still be in some
 * pool, and go up to what the chain asks now, never above the cap. A bid that could not be raised
 * once more goes to the cap at once: the rest of the way would be closed to it. A filler stays within what its
 * slot has set aside where that is enough. `free`: the lane's native coin that is in no slot.
 */
export function decideBid(
  of: 'effect' | 'filler',
  slot: Slot,
  fees: ChainFees,
  free: bigint,
): BidAction {
  const { rules } = fees;
  const cap = of === 'effect' ? rules.maxFeePerGas : fillerFeeCap(rules.maxFeePerGas);
  const asked = quote(fees, { urgency: 'high', cap });
  const least = raised(slot.maxFeePerGas);
  if (asked === null || least > cap) return { kind: 'at_cap' };
  const wished = of === 'effect' ? slot.wishedFee : null;
  let maxFeePerGas = smaller(larger(wished ?? asked.maxFeePerGas, least), cap);
  if (wished === null && raised(maxFeePerGas) > cap) maxFeePerGas = cap;
  const setAside = slot.gasReserved / FILLER_GAS_LIMIT;
  if (of === 'filler' && setAside >= larger(least, dueNow(fees))) {
    maxFeePerGas = smaller(maxFeePerGas, setAside);
  }
  const { txType } = asked;
  const tip = larger(raised(slot.maxPriorityFeePerGas), asked.maxPriorityFeePerGas);
  // A gas price is both.
  const maxPriorityFeePerGas = txType === 0 ? maxFeePerGas : smaller(tip, maxFeePerGas);
  const price = { maxFeePerGas, maxPriorityFeePerGas, txType };
  const needed =
    of === 'effect' ? gasReservedOf(slot.gasLimit, maxFeePerGas) : FILLER_GAS_LIMIT * maxFeePerGas;
  const gasReserved = larger(slot.gasReserved, needed);
  if (gasReserved - slot.gasReserved > free) return { kind: 'lane_gas' };
  const gasLimit = of === 'effect' ? slot.gasLimit : FILLER_GAS_LIMIT;
  return { kind: 'order', of, gasLimit, gasReserved, price };
}

export type Decided = { slot: SlotBids; action: BidAction | { kind: 'too_late' } };

/**
 * What slots of one lane, in the order of their nonces, bid next. Nonces are mined in order, so blocks pass over a
 * whole lane when its front is stuck: the front bids more whatever the reason; one behind it only where its
 * own fee would not be taken now, and everything below it is taken or bids more as well. Else it would pay more for
 * waiting. Where the front can not bid more, those that are at the cap too are told so, and the rest waits.
 * A client's wish is met wherever its slot stands.
 */
export function decideLane(slots: readonly SlotBids[], fees: ChainFees, free: bigint): Decided[] {
  const decided: Decided[] = [];
  let left = free;
  let below: 'moves' | 'capped' | 'stands' = slots[0]?.atFront === true ? 'moves' : 'stands';
  let next = slots[0]?.nonce;
  for (const slot of slots) {
    if (slot.nonce !== next) below = 'stands';
    next = slot.nonce + 1n;
    if (slot.wishId !== null && (slot.consumed || kindOf(slot) === 'filler')) {
      decided.push({ slot, action: { kind: 'too_late' } });
      continue;
    }
    const due = below !== 'stands' && isStuck(slot, fees);
    if (due || slot.wishId !== null) {
      const action = decideBid(kindOf(slot), slot, fees, left);
      if (action.kind === 'order') left -= action.gasReserved - slot.gasReserved;
      if (below !== 'capped' || action.kind === 'at_cap' || slot.wishId !== null) {
        decided.push({ slot, action });
      }
      if (due && action.kind !== 'order') below = action.kind === 'at_cap' ? 'capped' : 'stands';
    } else if (!slot.pending && !isTaken(slot, fees)) {
      below = 'stands';
    }
  }
  return decided;
}

/** A slot that is to be closed bids for its filler only, and so does one whose tx has ended unpaid before. */
function kindOf(slot: SlotBids): 'effect' | 'filler' {
  return slot.fillReason === null && !slot.endedUnpaid ? 'effect' : 'filler';
}

function isStuck(slot: SlotBids, fees: ChainFees): boolean {
  const bids = slot.sent && !slot.pending && slot.passedOver && !slot.consumed;
  return bids && (slot.atFront || !isTaken(slot, fees));
}

/** The next block may take it, as far as its fee goes. */
function isTaken(slot: SlotBids, fees: ChainFees): boolean {
  return slot.sent && slot.maxFeePerGas >= dueNow(fees);
}
