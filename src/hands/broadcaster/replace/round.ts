import { inTransaction } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { nonceKey } from '../../../base/kernel/index.ts';
import { Loop } from '../../../base/queue/index.ts';
import { readSigningFreeze } from '../../../books/freeze/index.ts';
import {
  dropWishes,
  readBids,
  readPassedOver,
  type SlotBids,
  setWaiting,
} from '../../../books/tx/index.ts';
import type { BroadcasterContext } from '../context.ts';
import { type ChainFees, dueNow } from '../gas/quote.ts';
import { observeChains, readNativeFunds } from '../observe.ts';
import { type Decided, decideLane } from './decide-replace.ts';
import { act, replacementOf, risesOf } from './order.ts';

/** Further nonces of a lane wait for these in any case. */
const PER_LANE = 100;

/** Lets transactions bid more that blocks pass over, or that a client wants to be quicker. */
export function replaceLoop(context: BroadcasterContext): Loop {
  return new Loop({
    name: 'replace',
    idleMs: 2_000,
    clock: context.clock,
    log: context.log,
    round: () => replaceRound(context),
  });
}

/** One look at every chain; true when a client's wish was met, since there may be another one for its slot. */
async function replaceRound(context: BroadcasterContext): Promise<boolean> {
  let met = false;
  const laneIds = [...context.leases.held().keys()];
  if (laneIds.length === 0) return false;
  for (const [chainId, { settings }] of context.chains) {
    const patienceMs = settings.replaceAfterMs;
    const passedOver = { chainId, laneIds, patienceMs, perLane: PER_LANE };
    const found = await readPassedOver(context.db, passedOver);
    // What would not be signed is not ordered.
    if (found.length === 0 || (await readSigningFreeze(context.db)) !== null) continue;
    const chain = (await observeChains(context, new Set([chainId]))).get(chainId);
    if (chain?.kind !== 'ok') continue;
    const lanes = byLane(await readBids(context.db, found, patienceMs));
    const funds = await readNativeFunds(context, [...lanes.keys()]);
    for (const [laneId, slots] of lanes) {
      const decided = decideLane(slots, chain.fees, funds.get(laneId) ?? 0n);
      met = (await actOnLane(context, decided, chain.fees)) || met;
    }
  }
  return met;
}

function byLane(slots: readonly SlotBids[]): Map<number, SlotBids[]> {
  const lanes = new Map<number, SlotBids[]>();
  for (const slot of slots) {
    const lane = lanes.get(slot.laneId);
    if (lane === undefined) lanes.set(slot.laneId, [slot]);
    else lane.push(slot);
  }
  return lanes;
}

const WAITS = { at_cap: 'fee_cap', lane_gas: 'lane_gas' } as const;

/**
 * A lane at a time, so that locks of two lanes never meet. A crash before the COMMIT leaves everything as it was;
 * after it the signer finds its orders, and the slots count as asked for until they are answered. True when
 * a wish was met or dropped.
 */
async function actOnLane(
  context: BroadcasterContext,
  decided: readonly Decided[],
  fees: ChainFees,
): Promise<boolean> {
  if (decided.length === 0) return false;
  const orders = decided.flatMap(({ slot, action }) =>
    action.kind === 'order' ? [replacementOf(slot, action)] : [],
  );
  const waits = decided.flatMap(({ slot, action }) =>
    action.kind === 'at_cap' || action.kind === 'lane_gas'
      ? [{ slot, txId: slot.txId, reason: WAITS[action.kind], detail: null }]
      : [],
  );
  // One that the lane can not pay for yet is kept.
  const dropped = decided.flatMap(({ slot, action }) =>
    action.kind === 'too_late' || action.kind === 'at_cap' ? (slot.wishId ?? []) : [],
  );
  const rises = risesOf(orders);
  await context.ledger.open([...rises.values()]);
  const ordered = await inTransaction(context.db, async (sql) => {
    const made = await act(context, sql, orders, rises);
    await dropWishes(sql, dropped);
    const going = [...made].map((txId) => ({ txId, reason: null, detail: null }));
    const changed = await setWaiting(sql, [...waits, ...going]);
    const capped = waits.filter(({ txId, reason }) => reason === 'fee_cap' && changed.has(txId));
    await writeEvents(
      sql,
      capped.map(({ slot }) => atFeeCap(slot, fees)),
    );
    return made;
  });
  const made = orders.filter(({ slot }) => ordered.has(slot.txId));
  tell(context, made, waits.length);
  return dropped.length > 0 || made.some(({ wishId }) => wishId !== null);
}

function atFeeCap(slot: SlotBids, fees: ChainFees) {
  return {
    tenantId: slot.tenantId,
    type: 'tx.at_fee_cap',
    subjectId: slot.txId,
    correlationId: slot.correlationId,
    data: {
      nonceKey: nonceKey(slot.chainId, slot.from, slot.nonce),
      maxFeePerGas: slot.maxFeePerGas.toString(),
      cap: fees.rules.maxFeePerGas.toString(),
      asked: dueNow(fees).toString(),
    },
  };
}

function tell(
  { log }: BroadcasterContext,
  orders: readonly { slot: SlotBids; kind: string; maxFeePerGas: bigint }[],
  waiting: number,
): void {
  for (const { slot, kind, maxFeePerGas } of orders) {
    log.debug(
      {
        txId: slot.txId,
        nonceKey: nonceKey(slot.chainId, slot.from, slot.nonce),
        correlationId: slot.correlationId,
        before: slot.maxFeePerGas.toString(),
        maxFeePerGas: maxFeePerGas.toString(),
      },
      `bids more: ${kind}`,
    );
  }
  if (orders.length > 0)
    log.info({ attempts: orders.length, waiting }, 'not mined in time: bidding more');
}
