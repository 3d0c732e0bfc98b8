import { type Db, dbErrorKind, inTransaction } from '../db/index.ts';
import {
  type Clock,
  Invariant,
  type Log,
  messageOf,
  Transient,
  UnknownOutcome,
} from '../kernel/index.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import { Loop } from './loop.ts';
import type { Claim, Job, Postponement, Transport } from './transport.ts';

/**
 * What a handler says of the jobs that its act did not complete. `wait`: not a failure, does not count
 * towards the limit; `retry`: counts, delay by the topic's back-off unless given; `dead`: give up.
 * A job that is not mentioned was completed in the act's transaction.
 */
export type Outcome =
  | { kind: 'wait'; subjectId: string; delayMs: number; reason: string }
  | { kind: 'retry'; subjectId: string; delayMs?: number; error: string }
  | { kind: 'dead'; subjectId: string; reason: string };

export type Handler = {
  topic: string;
  /** The most jobs of one claim; asked before each claim where it depends on the moment (0: none now). */
  batch: number | (() => Promise<number>);
  backoff: Backoff;
  /** Rounds of this topic at the same time in one process. */
  concurrency?: number;
  run(claimed: Claim): Promise<Outcome[]>;
};

type RunnerOptions = {
  db: Db;
  transport: Transport;
  handlers: readonly Handler[];
  clock: Clock;
  log: Log;
  random?: () => number;
  idleMs?: number;
};

/** Short, so that a killed worker's jobs soon go on elsewhere; renewed while a step runs. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;
/**
 * From one claim that found jobs to the next of its topic, unless it was full; never less than the step took twice,
 * so that a machine that is behind works in larger batches. What a step costs apart from its jobs is
 * most of a small one; a job on an idle system is claimed at once.
 */
const PACE_MS = 150;
/** A step that waited for a slow node is no sign of a busy machine. */
const MOST_REST_MS = 500;
/**
 * Behind notifications, and behind the moments for which this process put jobs off itself: one look at which topics
 * have jobs wakes their loops, since a claim for each of two dozen topics was a third of what rest cost.
 */
const IDLE_MS = 5_000;
/** Behind that look. */
const ASLEEP_MS = 60_000;

/**
 * Claims jobs and gives them to handlers. A handler completes jobs inside the transaction that records
 * their effect; whatever it throws leaves the jobs leased, and here they are given back. One bad item
 * never takes its batch down: a batch that breaks is halved until the item stands alone.
 */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #loops = new Map<string, Loop[]>();
  readonly #look: Loop;
  /** Of the moments for which jobs were put off. */
  readonly #alarms = new Set<AbortController>();
  readonly #after = new Map<string, string>();
  /** Topics of which the pass over the tenants under way has claimed something. */
  readonly #served = new Set<string>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    for (const handler of options.handlers) {
      const loops = Array.from(
        { length: handler.concurrency ?? 1 },
        () =>
          new Loop({
            name: handler.topic,
            idleMs: ASLEEP_MS,
            clock: options.clock,
            log: options.log,
            round: () => this.#round(handler),
          }),
      );
      this.#loops.set(handler.topic, loops);
    }
    this.#look = new Loop({
      name: 'look-for-jobs',
      idleMs: options.idleMs ?? IDLE_MS,
      clock: options.clock,
      log: options.log,
      round: () => this.#wakeWaiting(),
    });
  }

  start(): this {
    for (const loops of this.#loops.values()) for (const loop of loops) loop.start();
    this.#look.start();
    return this;
  }

  /** Called with a topic when jobs of it were announced; empty: look at everything. */
  wake(topic: string): void {
    const woken = topic === '' ? [...this.#loops.values()].flat() : (this.#loops.get(topic) ?? []);
    for (const loop of woken) loop.wake();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#look, ...[...this.#loops.values()].flat()].map((loop) => loop.stop()));
    for (const alarm of this.#alarms) alarm.abort();
  }

  async #wakeWaiting(): Promise<boolean> {
    const { db, transport } = this.#options;
    for (const topic of await transport.waiting(db, [...this.#loops.keys()])) this.wake(topic);
    return false;
  }

  /** One claim of a topic, run to its end; true when there may be more at once. */
  async #round(handler: Handler): Promise<boolean> {
    const { clock, db, transport } = this.#options;
    const began = clock.monotonic();
    const limit = typeof handler.batch === 'number' ? handler.batch : await handler.batch();
    if (limit <= 0) return false;
    const after = this.#after.get(handler.topic);
    const claimed = await transport.claim(db, handler.topic, {
      limit,
      leaseMs: LEASE_MS,
      ...(after === undefined ? {} : { after }),
    });
    if (claimed.jobs.length > 0) this.#served.add(handler.topic);
    // More tenants than one claim looks at: the next one goes on behind them, whether or not these had any.
    // At the end all are looked at again at once only where some had work, or it would never rest.
    let more = true;
    if (claimed.next === null) {
      this.#after.delete(handler.topic);
      more = this.#served.delete(handler.topic);
    } else this.#after.set(handler.topic, claimed.next);
    if (claimed.jobs.length > 0) {
      const again = await this.#whileLeased(claimed, () =>
        runClaim(this.#options, handler, claimed),
      );
      if (again < (this.#options.idleMs ?? IDLE_MS)) this.#wakeIn(handler.topic, again);
      const took = clock.monotonic() - began;
      const rest = Math.max(PACE_MS - took, Math.min(took, MOST_REST_MS));
      if (claimed.jobs.length < limit) await clock.sleep(rest);
    }
    return more;
  }

  #wakeIn(topic: string, ms: number): void {
    const alarm = new AbortController();
    this.#alarms.add(alarm);
    void this.#options.clock.sleep(ms, alarm.signal).then(() => {
      this.#alarms.delete(alarm);
      this.wake(topic);
    });
  }

  /** Keeps the lease while the step runs; should that fail, the step's act finds its jobs gone. */
  async #whileLeased<T>(claimed: Claim, work: () => Promise<T>): Promise<T> {
    const { clock, db, transport, log } = this.#options;
    const over = new AbortController();
    const renewing = (async () => {
      for (;;) {
        await clock.sleep(RENEW_MS, over.signal);
        if (over.signal.aborted) return;
        await transport.renew(db, claimed, LEASE_MS).catch((error) => {
          log.warn({ topic: claimed.topic, error: messageOf(error) }, 'a lease was not renewed');
        });
      }
    })();
    try {
      return await work();
    } finally {
      over.abort();
      await renewing;
    }
  }
}

/**
 * Runs one claim of a handler and settles what it did not complete; returns in how many ms the first of its jobs
 * is due again (Infinity: none). Exported for tests and one-shot commands.
 */
export async function runClaim(
  options: Pick<RunnerOptions, 'db' | 'transport' | 'log' | 'random'>,
  handler: Handler,
  claimed: Claim,
): Promise<number> {
  let outcomes: Outcome[];
  try {
    outcomes = await handler.run(claimed);
  } catch (error) {
    if (passes(error)) {
      const reason = messageOf(error);
      options.log.warn(
        { topic: handler.topic, jobs: claimed.jobs.length, error: reason },
        'step will run again',
      );
      outcomes = claimed.jobs.map((job) => ({
        kind: 'wait',
        subjectId: job.subjectId,
        delayMs: backoffMs(handler.backoff, job.attempts, options.random ?? Math.random),
        reason,
      }));
    } else if (claimed.jobs.length > 1) {
      const middle = claimed.jobs.length >> 1;
      const halves = [claimed.jobs.slice(0, middle), claimed.jobs.slice(middle)];
      const first = await runClaim(options, handler, { ...claimed, jobs: halves[0]! });
      return Math.min(first, await runClaim(options, handler, { ...claimed, jobs: halves[1]! }));
    } else {
      outcomes = claimed.jobs.map((job) => verdict(error, job));
    }
  }
  return settle(options, handler, claimed, outcomes);
}

/** A disk of the server's that is full or fails: counted as tries, it would bury whatever is due meanwhile. */
const DISK = /^(53100|58...)$/;

/** Nobody's fault among the jobs: the same step again, later. */
function passes(error: unknown): boolean {
  if (error instanceof Transient || error instanceof UnknownOutcome) return true;
  const kind = dbErrorKind(error);
  return (
    kind === 'lost' ||
    kind === 'race' ||
    DISK.test(String((error as { code?: unknown } | null)?.code))
  );
}

function verdict(error: unknown, job: Job): Outcome {
  return error instanceof Invariant
    ? { kind: 'dead', subjectId: job.subjectId, reason: `${error.code}: ${error.message}` }
    : { kind: 'retry', subjectId: job.subjectId, error: messageOf(error) };
}

async function settle(
  options: Pick<RunnerOptions, 'db' | 'transport' | 'log' | 'random'>,
  handler: Handler,
  claimed: Claim,
  outcomes: readonly Outcome[],
): Promise<number> {
  if (outcomes.length === 0) return Number.POSITIVE_INFINITY;
  const jobs = new Map(claimed.jobs.map((job) => [job.subjectId, job]));
  const later: Postponement[] = [];
  const dead: { subjectId: string; reason: string }[] = [];
  for (const outcome of outcomes) {
    const job = jobs.get(outcome.subjectId);
    if (job === undefined) continue;
    if (outcome.kind === 'wait') {
      later.push({
        subjectId: job.subjectId,
        delayMs: outcome.delayMs,
        error: outcome.reason,
        keepAttempts: true,
      });
    } else if (outcome.kind === 'dead') {
      dead.push(outcome);
    } else if (job.attempts >= handler.backoff.limit) {
      dead.push({
        subjectId: job.subjectId,
        reason: `gave up after ${job.attempts} tries: ${outcome.error}`,
      });
    } else {
      const delayMs =
        outcome.delayMs ?? backoffMs(handler.backoff, job.attempts, options.random ?? Math.random);
      later.push({ subjectId: job.subjectId, delayMs, error: outcome.error });
    }
  }
  for (const item of dead) {
    options.log.error(
      { topic: handler.topic, subjectId: item.subjectId, reason: item.reason },
      'to the dead letters',
    );
  }
  await inTransaction(options.db, async (sql) => {
    await options.transport.postpone(sql, claimed, later);
    await options.transport.bury(sql, claimed, dead);
  });
  return Math.min(...later.map((item) => item.delayMs));
}
