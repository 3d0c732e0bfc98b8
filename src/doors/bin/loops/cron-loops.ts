import { SEQUENCE_ROUND, sequenceEvents } from '../../../base/event/index.ts';
import { systemClock } from '../../../base/kernel/index.ts';
import { Loop } from '../../../base/queue/index.ts';
import { Policies } from '../../../books/policy/index.ts';
import { dropAnswers, dropChallenges } from '../../../roads/gateway/index.ts';
import { SupersededWatch, sweepStanding } from '../../../roads/withdrawal/index.ts';
import { announceSuperseded } from '../../../roads/x402/index.ts';
import { CHECKS_MS, notePaidDestinations, runDueChecks, tendPolicies } from './checks.ts';
import { sealLoops } from './seal-loop.ts';

type CronContext = Parameters<typeof sealLoops>[0] &
  Parameters<typeof runDueChecks>[0] & { has(role: 'cron'): boolean };

/** What nobody waits for leaves a restart's first seconds to the backlog of payments. */
const FIRST_AFTER_MS = 3_000;

/** What is looked at now and then, by one role. */
export function cronLoops(worker: CronContext): Loop[] {
  const { db, log, has } = worker;
  if (!has('cron')) return [];
  const made = (name: string, idleMs: number, round: () => Promise<boolean>, firstAfterMs = 0) =>
    new Loop({ name, idleMs, firstAfterMs, clock: systemClock, log, round });
  const later = (name: string, idleMs: number, round: () => Promise<boolean>) =>
    made(name, idleMs, round, FIRST_AFTER_MS);
  let quiet = false;
  const policies = new Policies();
  const superseded = new SupersededWatch([announceSuperseded]);
  return [
    made('sequence', 500, async () => {
      // Twice a second while there is something to number, once while there is not.
      const pass = quiet;
      quiet = false;
      if (pass) return false;
      const numbered = await sequenceEvents(db);
      quiet = numbered === 0;
      return numbered === SEQUENCE_ROUND;
    }),
    // Two seconds late at most: what loosens may wait, and nothing that tightens does.
    made('policies', 2_000, () => tendPolicies(db, superseded)),
    later('paid-destinations', 10_000, () => notePaidDestinations(db, policies)),
    ...sealLoops(worker, later),
    later('checks', CHECKS_MS, () => runDueChecks(worker)),
    later('sweep', 300_000, async () => {
      const found = await sweepStanding(db);
      if (found > 0) log.warn({ withdrawals: found }, 'stood still; announced again');
      return false;
    }),
    later('challenges', 600_000, async () => (await dropChallenges(db)) === 10_000),
    later('answers', 600_000, async () => (await dropAnswers(db)) === 1_000),
    made('partitions', 6 * 3_600_000, async () => {
      await db.query('SELECT payonce_make_partitions()');
      return false;
    }),
  ];
}
