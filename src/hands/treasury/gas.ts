import { inTransaction, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { caip19 } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import {
  type AccountKey,
  gasTransfer,
  lossTransfer,
  type Transfer,
} from '../../books/ledger/index.ts';
import {
  type BookedStretch,
  finalTopic,
  insertStretches,
  laneOfSubject,
  type OpenStretch,
  readOpenStretches,
  requestGas,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import type { TreasuryContext } from './context.ts';
import type { Booking } from './decide-gas.ts';
import { fundingAccounts, fundingTransfers } from './fund.ts';
import { observeStretches } from './observe-gas.ts';

/** Until a node that could not say is asked again. */
const AGAIN_MS = 3_000;

type Due = { stretch: OpenStretch; booking: Booking };

/**
 * Books what became of lanes' native coin since their last stretch: the gas of final slots, what arrived, what left
 * unexplained. One row per lane and round, which can only be written where the lane's last one ended.
 * A crash before the COMMIT leaves the job, and the chain says the same again.
 */
async function gasStep(context: TreasuryContext, claimed: Claim): Promise<Outcome[]> {
  const subjects = new Map(
    claimed.jobs.map((job) => [laneOfSubject(job.subjectId), job.subjectId]),
  );
  const open = await readOpenStretches(context.db, [...subjects.keys()]);
  const observed = await observeStretches(context, open);
  const due = observed.flatMap((item) => (item.kind === 'due' ? [item] : []));
  const outcomes = observed.flatMap((item): Outcome[] =>
    item.kind === 'wait'
      ? [
          {
            kind: 'wait',
            subjectId: subjects.get(item.laneId)!,
            delayMs: AGAIN_MS,
            reason: item.reason,
          },
        ]
      : [],
  );
  const waiting = new Set(outcomes.map(({ subjectId }) => subjectId));
  const finished = [...subjects.values()].filter((subjectId) => !waiting.has(subjectId));
  await context.ledger.open(due.flatMap(accountsOf));
  const booked = await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    const stretches = await book(
      context,
      sql,
      due.filter(({ stretch }) => ours.has(subjects.get(stretch.laneId)!)),
    );
    await tell(sql, stretches);
    // One that was cut left some behind.
    const ends = new Map(open.map((stretch) => [stretch.laneId, stretch.upToBlock]));
    await requestGas(
      sql,
      stretches.filter(({ laneId, upToBlock }) => upToBlock < ends.get(laneId)!),
    );
    return stretches;
  });
  for (const stretch of booked.filter(({ arrived }) => arrived < 0n)) {
    context.log.error(
      { ...factsOf(stretch), code: 'lane_unexplained' },
      'coin left the lane, and no transaction of ours says why: booked to suspense',
    );
  }
  return outcomes;
}

const nativeOf = ({ tenantId, laneId, chainId }: OpenStretch) => ({
  tenantId,
  laneId,
  asset: caip19(chainId, null),
});

const gasOf = ({ stretch, booking }: Due) =>
  gasTransfer({
    tenantId: stretch.tenantId,
    laneId: stretch.laneId,
    nativeAsset: caip19(stretch.chainId, null),
    reserved: stretch.gasReserved,
    cost: booking.gasCost,
  });

/** Names every account that booking it may touch. */
function accountsOf(item: Due): Transfer[] {
  const native = nativeOf(item.stretch);
  const { arrived } = item.booking;
  return [
    gasOf(item),
    ...(arrived > 0n ? [fundingAccounts(native)] : []),
    ...(arrived < 0n ? [lossTransfer({ ...native, amount: -arrived })] : []),
  ];
}

/** Arrivals first: what a lane got it could pay with. */
async function book(
  { ledger }: TreasuryContext,
  sql: Sql,
  due: readonly Due[],
): Promise<BookedStretch[]> {
  const balanceOf = await ledger.lock(sql, due.flatMap(accountsOf));
  const items = due.map((item) => ({ ...item, arrived: bookable(item, balanceOf) }));
  const funded = items.filter(({ arrived }) => arrived > 0n);
  const spent = items.filter(({ stretch }) => stretch.gasReserved > 0n);
  const lost = items.filter(({ arrived }) => arrived < 0n);
  const fundings = funded.map(({ stretch, arrived }) => ({
    ...nativeOf(stretch),
    amount: arrived,
  }));
  const ids = await ledger.post(sql, [
    ...fundingTransfers(fundings, balanceOf),
    ...spent.map(gasOf),
    ...lost.map(({ stretch, arrived }) => lossTransfer({ ...nativeOf(stretch), amount: -arrived })),
  ]);
  const arrivalIds = new Map([
    ...funded.map((item, index) => [item, ids[index]!] as const),
    ...lost.map((item, index) => [item, ids[funded.length + spent.length + index]!] as const),
  ]);
  const gasIds = new Map(spent.map((item, index) => [item, ids[funded.length + index]!]));
  const stretches = items.map((item): BookedStretch => {
    const { stretch, booking, arrived } = item;
    return {
      ...stretch,
      ...booking,
      arrived,
      gasTransferId: gasIds.get(item) ?? null,
      arrivalTransferId: arrivalIds.get(item) ?? null,
    };
  });
  await insertStretches(sql, stretches);
  return stretches;
}

/** What is missing is booked as far as the lane's free funds go; the rest is missing in the next stretch too. */
function bookable({ stretch, booking }: Due, balanceOf: (key: AccountKey) => bigint): bigint {
  const { arrived, gasCost } = booking;
  if (arrived >= 0n) return arrived;
  const { tenantId, laneId, asset } = nativeOf(stretch);
  const free =
    balanceOf({ tenantId, kind: 'hot', owner: String(laneId), asset }) +
    stretch.gasReserved -
    gasCost;
  return -arrived < free ? arrived : -free;
}

async function tell(sql: Sql, stretches: readonly BookedStretch[]): Promise<void> {
  await writeEvents(
    sql,
    stretches
      .filter(({ arrived }) => arrived !== 0n)
      .map((stretch) => ({
        tenantId: stretch.tenantId,
        type: stretch.arrived > 0n ? 'lane.funded' : 'lane.unexplained',
        data: factsOf(stretch),
      })),
  );
}

function factsOf(stretch: BookedStretch) {
  const { chainId, address, arrived, aboveBlock, upToBlock } = stretch;
  const amountAtomic = String(arrived < 0n ? -arrived : arrived);
  return { chainId, address, asset: nativeOf(stretch).asset, amountAtomic, aboveBlock, upToBlock };
}

export function treasuryHandlers(context: TreasuryContext): Handler[] {
  return [
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
