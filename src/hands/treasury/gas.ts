import { inTransaction, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { caip19 } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import {
  type BookedStretch,
  finalTopic,
  laneOfSubject,
  readOpenArrivals,
  readOpenStretches,
  requestGas,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import { type Arrived, accountsOf, book, groupArrivals } from './book.ts';
import type { TreasuryContext } from './context.ts';
import { moveHandlers } from './moves/settle.ts';
import { observeStretches } from './observe-gas.ts';

/** Until a node that could not say is asked again. */
const AGAIN_MS = 3_000;
/** Logs of one round. */
const ARRIVALS = 1_000;
/** Hashes that an event names. */
const NAMED = 20;

/**
 * Books what became of lanes' funds: the gas of final slots, coin that arrived or left unexplained since the last
 * stretch, tokens that arrived by final logs. A stretch can only be written where the lane's last one
 * ended, and an arrival is booked by one transfer. A crash before the COMMIT leaves the job, and
 * rows and chain say the same again.
 */
async function gasStep(context: TreasuryContext, claimed: Claim): Promise<Outcome[]> {
  const { db, ledger } = context;
  const subjects = new Map(
    claimed.jobs.map((job) => [laneOfSubject(job.subjectId), job.subjectId]),
  );
  const tenants = claimed.jobs.map(({ subjectId, tenantId }) => ({
    laneId: laneOfSubject(subjectId),
    tenantId,
  }));
  const open = await readOpenStretches(db, [...subjects.keys()]);
  const observed = await observeStretches(context, open);
  const outcomes = observed.flatMap((item): Outcome[] => {
    if (item.kind === 'due') return [];
    const subjectId = subjects.get(item.laneId)!;
    return [{ kind: 'wait', subjectId, delayMs: AGAIN_MS, reason: item.reason }];
  });
  const waiting = new Set(outcomes.map(({ subjectId }) => subjectId));
  const finished = [...subjects.values()].filter((subjectId) => !waiting.has(subjectId));
  // Of these alone: what waits would take up the room of the others, round after round.
  const arrivals = await readOpenArrivals(db, finished.map(laneOfSubject), ARRIVALS);
  const due = observed.flatMap((item) => (item.kind === 'due' ? [item] : []));
  const arrived = groupArrivals(arrivals);
  await ledger.open(accountsOf(due, arrived));
  const booked = await inTransaction(db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    const isOurs = (laneId: number) => ours.has(subjects.get(laneId)!);
    const groups = arrived.filter(([one]) => isOurs(one!.laneId));
    const stretches = await book(
      ledger,
      sql,
      due.filter(({ stretch }) => isOurs(stretch.laneId)),
      groups,
    );
    await tell(sql, stretches, groups);
    // A stretch that was cut left some behind, and so many arrivals those of any lane.
    const ends = new Map(open.map((stretch) => [stretch.laneId, stretch.upToBlock]));
    const cut = stretches.filter(({ laneId, upToBlock }) => upToBlock < ends.get(laneId)!);
    const all = tenants.filter(({ laneId }) => isOurs(laneId));
    await requestGas(sql, arrivals.length === ARRIVALS ? all : cut);
    return stretches;
  });
  for (const stretch of booked.filter((one) => one.arrived < 0n)) {
    context.log.error(
      { ...factsOf(stretch), code: 'lane_unexplained' },
      'coin left the lane, and no transaction of ours says why: booked to suspense',
    );
  }
  return outcomes;
}

async function tell(
  sql: Sql,
  stretches: readonly BookedStretch[],
  arrived: readonly Arrived[],
): Promise<void> {
  const ofCoin = stretches.filter(({ arrived: amount }) => amount !== 0n);
  const coins = ofCoin.map((stretch) => ({
    tenantId: stretch.tenantId,
    type: stretch.arrived > 0n ? 'lane.funded' : 'lane.unexplained',
    data: factsOf(stretch),
  }));
  // What was expected is told by its payment.
  const found = arrived.filter(([one]) => one!.expectedBy === null);
  const tokens = found.map((logs) => {
    const { tenantId, chainId, address, asset } = logs[0]!;
    const amountAtomic = String(logs.reduce((sum, { amount }) => sum + amount, 0n));
    const txHashes = [...new Set(logs.map(({ txHash }) => txHash))].slice(0, NAMED);
    return {
      tenantId,
      type: 'lane.funded',
      data: { chainId, address, asset, amountAtomic, txHashes },
    };
  });
  await writeEvents(sql, [...coins, ...tokens]);
}

function factsOf({ chainId, address, arrived, aboveBlock, upToBlock }: BookedStretch) {
  const amountAtomic = String(arrived < 0n ? -arrived : arrived);
  const asset = caip19(chainId, null);
  return { chainId, address, asset, amountAtomic, aboveBlock, upToBlock };
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
