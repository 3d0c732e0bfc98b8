import { systemClock } from '../../src/base/kernel/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import { inFlight, readStages } from '../support/killer.ts';
import { type LocalInstallation, onInstallation } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { Proof, ProofContext, ProofResult } from './proof.ts';
import { Traffic } from './traffic.ts';
import { judge, untilSettled } from './verdict.ts';

type Size = { payments: number; rounds: number };
type Lane = { laneId: number; epoch: bigint; leaseOwner: string | null };

/** A lease is 15 s; the next owner looks for it every 3 s. */
const TAKEN_WITHIN_MS = 180_000;

/**
 * The first worker is suspended in the middle of giving slots: its act stands at a lock that we hold, before
 * it asks whether its lease still holds. When it wakes its lease has passed to the second worker.
 */
async function prove(context: ProofContext, size: Size): Promise<ProofResult> {
  const { say, signal } = context;
  return onInstallation(async (on) => {
    const traffic = new Traffic(on, context);
    await traffic.fund(1_000_000);
    const second = await on.startWorker();
    const broken: string[] = [];
    let refusals = 0;
    for (let round = 0; round < size.rounds; round += 1) {
      const slept = await sleepPastLease(on, traffic, { count: size.payments, say, signal });
      broken.push(...slept.broken);
      refusals += slept.refusals;
      // The next round's sleeper holds the lanes again when its rival is gone for a moment.
      await untilSettled(on, { ms: 120_000, say, signal });
      if (round + 1 < size.rounds) await handBack(on, second.pid);
    }
    const judged = await judge(on, traffic);
    await second.stop();
    return {
      ...judged,
      done: `${size.rounds} times a worker suspended past its lease while it gave slots, then woken`,
      faults: { 'SIGSTOP worker': size.rounds },
      broken: [...judged.broken, ...broken],
      targets: [],
      notes: [...judged.notes, `${refusals} acts of stale epochs refused and told in the log`],
    };
  });
}

async function sleepPastLease(
  on: LocalInstallation,
  traffic: Traffic,
  { count, say, signal }: { count: number; say(line: string): void; signal: AbortSignal },
): Promise<{ broken: string[]; refusals: number }> {
  const worker = on.identityOf('worker')!;
  const before = await lanesOf(on, worker.pid);
  const holder = await on.db.connect();
  const logged = on.log('worker').length;
  try {
    await holder.query('BEGIN');
    await holder.query(`SELECT 1 FROM ${await balances(on)} WHERE kind = 'hot' FOR UPDATE`);
    await traffic.submit(count);
    await until('an act that waits for the lock', () => waitsForUs(on));
    on.signal('worker', 'SIGSTOP');
    say('the first worker sleeps in the middle of giving slots');
    const after = await until(
      'every lane to have changed hands',
      async () => {
        signal.throwIfAborted();
        const lanes = await readLanes(on.db);
        const passed = lanes.every((lane) => {
          const was = before.get(lane.laneId);
          return was !== undefined && lane.epoch > was.epoch && lane.leaseOwner !== was.leaseOwner;
        });
        return passed && lanes;
      },
      TAKEN_WITHIN_MS,
    );
    const moment = await now(on);
    const next = new Map(after.map((lane) => [lane.laneId, lane.nextNonce]));
    on.signal('worker', 'SIGCONT');
    await holder.query('ROLLBACK');
    say('it woke: its lease and its epoch have passed to the second worker');
    await until(
      'what waited to be in blocks',
      async () => inFlight(await readStages(on.db)) === 0,
      120_000,
    );
    return await judgeSleeper(on, { before, next, moment, log: on.log('worker').slice(logged) });
  } finally {
    on.signal('worker', 'SIGCONT');
    holder.release(true);
  }
}

/** The table of the balances' rows. */
async function balances(on: LocalInstallation): Promise<string> {
  const { rows } = await on.db.query<{ found: boolean }>(
    `SELECT to_regclass('ledger_balance') IS NOT NULL AS found`,
  );
  return rows[0]!.found ? 'ledger_balance' : 'ledger_account';
}

async function lanesOf(on: LocalInstallation, pid: number): Promise<Map<number, Lane>> {
  return until('the first worker to hold every lane', async () => {
    const lanes = await readLanes(on.db);
    const held = lanes.every((lane) => lane.leaseOwner?.split(':')[1] === String(pid));
    return held && new Map(lanes.map((lane): [number, Lane] => [lane.laneId, lane]));
  });
}

async function waitsForUs(on: LocalInstallation): Promise<boolean> {
  const { rows } = await on.db.query(
    `SELECT 1 FROM pg_stat_activity WHERE application_name = 'payonce-worker'
       AND wait_event_type = 'Lock' AND cardinality(pg_blocking_pids(pid)) > 0`,
  );
  return rows.length > 0;
}

async function now(on: LocalInstallation): Promise<Date> {
  const { rows } = await on.db.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  return rows[0]!.now;
}

/** Nothing that the sleeper did after waking took effect, and it was told so. */
async function judgeSleeper(
  on: LocalInstallation,
  seen: {
    before: Map<number, Lane>;
    next: Map<number, bigint>;
    moment: Date;
    log: string;
  },
): Promise<{ broken: string[]; refusals: number }> {
  const broken: string[] = [];
  for (const [laneId, { epoch, leaseOwner }] of seen.before) {
    const { rows: orders } = await on.db.query(
      `SELECT signature_request_id FROM signature_request
       WHERE lane_id = $1 AND lane_epoch <= $2 AND (created_at > $3 OR nonce >= $4)`,
      [laneId, epoch, seen.moment, seen.next.get(laneId)],
    );
    if (orders.length > 0) {
      broken.push(
        `lane ${laneId}: ${orders.length} slots were given under epoch ${epoch} after it ended`,
      );
    }
    const { rows: lanes } = await on.db.query<{ epoch: bigint; lease_owner: string }>(
      'SELECT epoch, lease_owner FROM lane WHERE lane_id = $1',
      [laneId],
    );
    if (lanes[0]!.epoch <= epoch || lanes[0]!.lease_owner === leaseOwner) {
      broken.push(`lane ${laneId} went back to the sleeper`);
    }
  }
  const refusals = seen.log.split('a lane lease was lost').length - 1;
  if (refusals === 0)
    broken.push('the sleeper was not refused: it never tried, so nothing is shown');
  return { broken, refusals };
}

/** The second worker gives its leases back by sleeping itself until the first has them. */
async function handBack(on: LocalInstallation, rival: number): Promise<void> {
  process.kill(rival, 'SIGSTOP');
  try {
    await until(
      'the first worker to hold the lanes again',
      async () =>
        (await readLanes(on.db)).every(
          (lane) => lane.leaseOwner?.split(':')[1] === String(on.identityOf('worker')?.pid),
        ),
      TAKEN_WITHIN_MS,
    );
  } finally {
    process.kill(rival, 'SIGCONT');
  }
  await systemClock.sleep(1_000);
}

export const twoWorkers: Proof = {
  name: 'two-workers',
  sentence: 'a worker suspended past its lease and woken is refused everywhere by its epoch',
  short: (context) => prove(context, { payments: 200, rounds: 1 }),
  full: (context) => prove(context, { payments: 1_000, rounds: 3 }),
};
