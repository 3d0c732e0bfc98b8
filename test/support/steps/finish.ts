import { decideForeign } from './decide-foreign.ts';
import type { Processes } from './processes.ts';
import type { Road } from './road.ts';

type Work = {
  /** Topics with jobs that may be claimed now. */
  topics: string[] | null;
  /** Jobs, due or not. */
  jobs: bigint;
  /** Questions to the signer that it has not answered. */
  asked: bigint;
  /** Orders that nobody has claimed; those that are claimed and not answered. */
  open: bigint;
  claimed: bigint;
  uncollected: bigint;
  /** Stored and never sent: a worker that died had them in hand. */
  unsent: bigint;
  /** Withdrawals, payments, refunds, top-ups and sweeps on their way, and slots whose gas is not booked. */
  running: bigint;
  unbooked: bigint;
  halted: boolean;
  /** Lanes that somebody else used. */
  frozen: bigint;
};

const WORK = `SELECT j.*, r.*, asked, running, unbooked, uncollected, unsent, halted, frozen FROM
  (SELECT count(*) AS jobs, array_agg(DISTINCT topic) FILTER (
    WHERE run_at <= now() AND (lease_until IS NULL OR lease_until < now())) AS topics FROM job) j,
  (SELECT count(*) FILTER (WHERE claimed_at IS NULL) AS open,
    count(*) FILTER (WHERE claimed_at IS NOT NULL) AS claimed FROM signature_request r
    WHERE cancelled_at IS NULL AND NOT EXISTS (
      SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)) r,
  (SELECT count(*) AS asked FROM dry_verdict WHERE answered < question) q,
  (SELECT count(*) AS uncollected FROM signature WHERE collected_at IS NULL) s,
  (SELECT count(*) AS unsent FROM attempt a JOIN lane_progress p USING (lane_id)
    WHERE a.first_sent_at IS NULL AND a.nonce >= p.mined_nonce) u,
  (SELECT count(*) + (SELECT count(*) FROM treasury_move WHERE outcome IS NULL)
    + (SELECT count(*) FROM payment WHERE status IN ('RESERVED', 'BROADCASTED', 'INCLUDED', 'REVERSED'))
    + (SELECT count(*) FROM refund WHERE status = 'PENDING')
    + (SELECT count(*) FROM expected_arrival WHERE transfer_id IS NULL AND lapsed_at IS NULL) AS running FROM withdrawal
    WHERE status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING', 'REVERSED')) w,
  (SELECT count(*) AS unbooked FROM nonce_slot s WHERE s.nonce >= (
    SELECT max(to_nonce) FROM lane_stretch g WHERE g.lane_id = s.lane_id)) g,
  (SELECT bool_or(halted_reason IS NOT NULL) AS halted FROM chain_head) h,
  (SELECT count(*) AS frozen FROM lane WHERE paused_reason = 'foreign_nonce') f`;

async function readWork(road: Road): Promise<Work> {
  const { rows } = await road.owner.query<Work>({ name: 'work', text: WORK });
  return rows[0]!;
}

const ROUNDS = 80;
/** The first takes what waits, and is final when the last is there. */
const FINAL_BLOCKS = 7;

/**
 * Lets everything run on without faults until nothing is on its way any more: steps as there is work for
 * them, and when nothing moves, blocks and time. Tells when it never comes to rest.
 */
export async function finish(road: Road, processes: Processes): Promise<string[]> {
  const seen = new Set<string>();
  for (let idle = 0, round = 0; round < ROUNDS; round += 1) {
    const work = await readWork(road);
    const left = work.jobs + work.running + work.unbooked + work.uncollected + work.frozen;
    if (left === 0n) return [];
    if (work.halted) {
      // It goes on by itself only where that was ordered.
      while (await processes.observe());
      if ((await readWork(road)).halted) break;
      continue;
    }
    // Jobs that only look again and again are no progress: only what was not there before is.
    const now = Object.values(work).join();
    if ((await runDue(processes, work)) && !seen.has(now)) {
      seen.add(now);
      idle = 0;
      continue;
    }
    // Nothing but time or the chain moves it: each time they move further.
    idle += 1;
    road.chain.mine(FINAL_BLOCKS);
    while (await processes.observe());
    if (work.frozen > 0n) {
      await decideForeign(road);
      await processes.adopt();
    }
    if (idle > 1) await letPass(road, processes, work, idle);
  }
  const counts = Object.entries(await readWork(road)).map(([what, count]) => `${what} ${count}`);
  return [`it never came to rest: ${counts.join(', ')}`, ...[...new Set(road.told)].slice(-6)];
}

/** Everything that is due, so many times; a step that throws is for another time. */
export async function workOn(road: Road, processes: Processes, passes: number): Promise<void> {
  for (let pass = 0; pass < passes; pass += 1) {
    const done = await runDue(processes, await readWork(road)).catch((error: Error) => {
      road.told.push(error.message);
      return false;
    });
    if (!done) return;
  }
}

/** The names of steps that have something to do, and of the walk, which may always have. */
export async function dueSteps(road: Road): Promise<string[]> {
  const { topics, asked, open, claimed, uncollected } = await readWork(road);
  return [
    ...(topics ?? []),
    ...(asked > 0n ? ['judge'] : []),
    ...(open > 0n ? ['sign'] : []),
    ...(claimed > 0n ? ['take over'] : []),
    ...(uncollected > 0n ? ['collect'] : []),
    'observe',
  ];
}

async function runDue(processes: Processes, work: Work): Promise<boolean> {
  let done = 0;
  for (const topic of work.topics ?? []) done += await processes.job(topic);
  if (work.asked > 0n) await processes.judgeDry();
  if (work.open > 0n) await processes.sign();
  if (work.uncollected > 0n) await processes.collect();
  if (work.unsent > 0n) await processes.resend();
  return done > 0 || work.uncollected + work.unsent > 0n || (work.open > 0n && work.claimed === 0n);
}

/** Time goes by: leases are renewed, and what is only looked at now and then is looked at. */
async function letPass(road: Road, processes: Processes, work: Work, idle: number): Promise<void> {
  await road.clock.elapse(Math.min(1_000 * 4 ** idle, 3_600_000));
  await processes.leases.renew();
  if (idle < 4) return;
  if (work.claimed > 0n) await processes.takeOver();
  await processes.resend();
  await processes.replace();
}
