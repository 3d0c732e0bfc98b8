import { type Db, inTransaction } from '../../base/db/index.ts';
import { caip19, Invariant } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import { gasTransfer, type Ledger, type Transfer } from '../../books/ledger/index.ts';
import {
  finalTopic,
  insertSlotGas,
  laneOfSubject,
  readSlotGas,
  requestGas,
  type SlotGas,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import { moveHandlers } from './moves/settle.ts';

type TreasuryContext = { db: Db; ledger: Ledger };

const SLOTS = 1_000;

/**
 * Books what finalized slots of a lane cost: one transfer per lane and round, one row per slot, which is single.
 * A crash before the COMMIT leaves the job.
 */
async function gasStep(context: TreasuryContext, claimed: Claim): Promise<Outcome[]> {
  const lanes = new Map(claimed.jobs.map((job) => [laneOfSubject(job.subjectId), job.subjectId]));
  const perLane = groupByLane(await readSlotGas(context.db, [...lanes.keys()], SLOTS));
  const booking = [...perLane].map(([laneId, slots]) => ({
    subjectId: lanes.get(laneId)!,
    slots,
    transfer: transferOf(laneId, slots),
  }));
  await context.ledger.open(booking.map((lane) => lane.transfer));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const mine = booking.filter((lane) => ours.has(lane.subjectId));
    const transfers = mine.map((lane) => lane.transfer);
    await context.ledger.lock(sql, transfers);
    const ids = await context.ledger.post(sql, transfers);
    await insertSlotGas(
      sql,
      mine.flatMap((lane, index) =>
        lane.slots.map((slot) => ({ ...slot, transferId: ids[index]! })),
      ),
    );
    // A full round left some behind.
    await requestGas(
      sql,
      mine.flatMap((lane) => (lane.slots.length < SLOTS ? [] : lane.slots.slice(0, 1))),
    );
  });
  return [];
}

function groupByLane(slots: readonly SlotGas[]): Map<number, SlotGas[]> {
  const lanes = new Map<number, SlotGas[]>();
  for (const slot of slots) {
    const ofLane = lanes.get(slot.laneId);
    if (ofLane === undefined) lanes.set(slot.laneId, [slot]);
    else ofLane.push(slot);
  }
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
    ...moveHandlers(context),
    {
      topic: TX_TOPICS.gas,
      batch: 500,
      backoff: { baseMs: 1_000, capMs: 60_000, limit: 100 },
      run: (claimed) => gasStep(context, claimed),
    },
    {
      // A filler that closed a gap pays nobody: that it is final is all that anybody waited for.
      topic: finalTopic('filler'),
      batch: 500,
      backoff: { baseMs: 1_000, capMs: 60_000, limit: 100 },
      run: async (claimed) => {
        await inTransaction(context.db, (sql) => complete(sql, claimed));
        return [];
      },
    },
  ];
}
