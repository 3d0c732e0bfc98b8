import { type Db, inTransaction } from '../../base/db/index.ts';
import { caip19, Invariant } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import { gasTransfer, type Ledger, type Transfer } from '../../books/ledger/index.ts';
import { insertSlotGas, readSlotGas, type SlotGas, TX_TOPICS } from '../../books/tx/index.ts';

type TreasuryContext = { db: Db; ledger: Ledger };

/**
 * Books what finalized slots cost: one transfer per lane and batch, one row per slot, which is single.
 * A crash before the COMMIT leaves the job.
 */
async function gasStep(context: TreasuryContext, claimed: Claim): Promise<Outcome[]> {
  const slots = await readSlotGas(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const perLane = new Map<number, { slots: SlotGas[]; transfer: Transfer }>();
  for (const [laneId, ofLane] of groupByLane(slots)) {
    perLane.set(laneId, { slots: ofLane, transfer: transferOf(laneId, ofLane) });
  }
  const transfers = [...perLane.values()].map((lane) => lane.transfer);
  await context.ledger.open(transfers);
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const booking = [...perLane.values()].flatMap((lane) => {
      const mine = lane.slots.filter((slot) => ours.has(slot.txId));
      return mine.length === 0
        ? []
        : [{ slots: mine, transfer: transferOf(mine[0]!.laneId, mine) }];
    });
    await context.ledger.lock(
      sql,
      booking.map((lane) => lane.transfer),
    );
    const ids = await context.ledger.post(
      sql,
      booking.map((lane) => lane.transfer),
    );
    await insertSlotGas(
      sql,
      booking.flatMap((lane, index) =>
        lane.slots.map((slot) => ({ ...slot, transferId: ids[index]! })),
      ),
    );
  });
  return [];
}

function groupByLane(slots: readonly SlotGas[]): Map<number, SlotGas[]> {
  const lanes = new Map<number, SlotGas[]>();
  for (const slot of slots) lanes.set(slot.laneId, [...(lanes.get(slot.laneId) ?? []), slot]);
  return lanes;
}

function transferOf(laneId: number, slots: readonly SlotGas[]): Transfer {
  const [first] = slots;
  const reserved = slots.reduce((sum, slot) => sum + slot.reserved, 0n);
  const cost = slots.reduce((sum, slot) => sum + slot.cost, 0n);
  if (first === undefined || cost > reserved) {
    throw new Invariant(
      'internal',
      `gas of lane ${laneId}: ${cost} was paid and ${reserved} reserved`,
    );
  }
  return gasTransfer({
    tenantId: first.tenantId,
    laneId,
    nativeAsset: caip19(first.chainId, null),
    reserved,
    cost,
  });
}

export function treasuryHandlers(context: TreasuryContext): Handler[] {
  return [
    {
      topic: TX_TOPICS.gas,
      batch: 500,
      backoff: { baseMs: 1_000, capMs: 60_000, limit: 100 },
      run: (claimed) => gasStep(context, claimed),
    },
  ];
}
