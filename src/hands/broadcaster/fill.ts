import { inTransaction } from '../../base/db/index.ts';
import { Transient } from '../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import { type Replacement, readBids, type SlotBids } from '../../books/tx/index.ts';
import type { BroadcasterContext } from './context.ts';
import { observeChains, readNativeFunds } from './observe.ts';
import { decideBid } from './replace/decide-replace.ts';
import { act, replacementOf, risesOf } from './replace/order.ts';

/**
 * Closes slots by ordering their filler: those that can not be used, since a nonce is never skipped and nobody
 * waits behind it, and those of which a client wants the payment back. The filler bids above whatever was signed
 * for the slot. A crash leaves the job; a slot whose filler was ordered gets a dearer one only when
 * blocks pass it over.
 */
export async function fillStep(context: BroadcasterContext, claimed: Claim): Promise<Outcome[]> {
  const { db } = context;
  const slots = await readBids(
    db,
    claimed.jobs.map((job) => job.subjectId),
    0,
  );
  // Only what is signed comes to an end, so a slot of which nothing is gets its filler even where somebody else used its
  // nonce; and a reorg may give that back.
  const open = slots.filter(
    (slot) => !slot.filling && (!slot.consumed || slot.maxFeePerGas === 0n),
  );
  const planned = await plan(context, open);
  const orders = planned.flatMap((item) => ('order' in item ? [item.order] : []));
  const waits = planned.flatMap((item) => ('wait' in item ? [item] : []));
  const waiting = new Set(waits.map(({ slot }) => slot.txId));
  const finished = claimed.jobs.map((job) => job.subjectId).filter((id) => !waiting.has(id));
  const rises = risesOf(orders);
  await context.ledger.open([...rises.values()]);
  await inTransaction(db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    const mine = orders.filter(({ slot }) => ours.has(slot.txId));
    const ordered = await act(context, sql, mine, rises);
    if (ordered.size < mine.length) throw new Transient('a slot changed during the step');
  });
  return waits.map(({ slot, wait, delayMs }) => ({
    kind: 'wait',
    subjectId: slot.txId,
    delayMs,
    reason: wait,
  }));
}

type Planned = { order: Replacement } | { slot: SlotBids; wait: string; delayMs: number };

async function plan(context: BroadcasterContext, slots: readonly SlotBids[]): Promise<Planned[]> {
  const chains = await observeChains(context, new Set(slots.map((slot) => slot.chainId)));
  const held = context.leases.held();
  const left = await readNativeFunds(context, [...new Set(slots.map((slot) => slot.laneId))]);
  return slots.map((slot): Planned => {
    const { laneId, gasReserved } = slot;
    const chain = chains.get(slot.chainId);
    if (chain?.kind !== 'ok') {
      return { slot, wait: chain?.kind ?? 'chain_unreachable', delayMs: 1_000 };
    }
    if (!held.has(laneId)) return { slot, wait: 'lane_lease', delayMs: 1_000 };
    // The gas of a consumed one may be booked already.
    const free = slot.consumed ? 0n : (left.get(laneId) ?? 0n);
    const action = decideBid('filler', slot, chain.fees, free);
    if (action.kind !== 'order') {
      return { slot, wait: action.kind === 'at_cap' ? 'fee_cap' : 'lane_gas', delayMs: 5_000 };
    }
    left.set(laneId, free - (action.gasReserved - gasReserved));
    return { order: replacementOf(slot, action) };
  });
}
