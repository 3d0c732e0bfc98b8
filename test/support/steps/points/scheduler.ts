import type { Sql } from '../../../../src/base/db/index.ts';
import { Actor, type Flight, type Gate, type Verdict } from './actor.ts';

export type Step<T = unknown> = { name: string; run(actor: Actor): Promise<T> };

/** Which of the steps that may go on does, and what happens to it; asked before every point. */
export type Chooser = (ready: readonly Gate[]) => { gate: Gate; verdict: Verdict };

type Ended =
  | { kind: 'done'; value: unknown }
  | { kind: 'threw'; error: unknown }
  | { kind: 'killed' };

type Run = {
  /** By the step's name. */
  ended: Map<string, Ended>;
  /** `step#index what verdict`, in the order in which they happened: the same for the same choices. */
  trace: string[];
  /** Times a step waited inside of the database for one that was held back. */
  blocks: number;
};

/** A run takes a fraction of a second. */
const STUCK_AFTER_MS = 60_000;

/**
 * Lets one step at a time go on by one point, so that what two steps do to each other is a matter of
 * choice and not of luck. A step that waits in PostgreSQL for a lock of one that is held back is set
 * aside until that lock is free.
 */
export class Scheduler {
  /** The owner's connection, of which no step makes use. */
  readonly #control: Sql;
  #actors: Actor[] = [];
  #wake: () => void = () => {};
  /** Rejects when a run has taken too long. */
  #late: Promise<never> = new Promise(() => {});
  #asking: Promise<void> | null = null;
  /** Seen to wait for a lock once: the server's own short locks are none of a step's. */
  #suspects = new WeakSet<Flight>();

  constructor(control: Sql) {
    this.#control = control;
  }

  /** `after`: called behind each point, while nothing moves. */
  async run(
    steps: readonly Step[],
    choose: Chooser,
    after: (what: string) => Promise<void> = async () => {},
  ): Promise<Run> {
    const run: Run = { ended: new Map(), trace: [], blocks: 0 };
    this.#actors = [];
    this.#late = new Promise((_, reject) => {
      const late = AbortSignal.timeout(STUCK_AFTER_MS);
      late.addEventListener('abort', () => reject(new Error(this.#stuck())));
    });
    this.#late.catch(() => {});
    for (const step of steps) {
      const actor = new Actor(step.name, () => this.#wake());
      this.#actors.push(actor);
      this.#start(step, actor, run);
      await this.#rest(run);
    }
    for (;;) {
      const ready = this.#actors.flatMap((actor) =>
        actor.over || actor.flight !== null ? [] : actor.gates.slice(0, 1),
      );
      if (ready.length === 0) {
        if (this.#actors.every((actor) => actor.over)) return run;
        // All that are left wait for each other in the database, which ends one of them.
        await this.#change();
        await this.#rest(run);
        continue;
      }
      const { gate, verdict } = choose(ready);
      run.trace.push(`${gate.actor}#${gate.index} ${gate.what} ${verdict}`);
      await this.#let(gate, verdict, run);
      await after(gate.what);
    }
  }

  #start(step: Step, actor: Actor, run: Run): void {
    const end = (ended: Ended) => {
      if (actor.over) return;
      actor.over = true;
      run.ended.set(step.name, ended);
      this.#wake();
    };
    step.run(actor).then(
      (value) => end({ kind: 'done', value }),
      (error) => end({ kind: 'threw', error }),
    );
  }

  async #let(gate: Gate, verdict: Verdict, run: Run): Promise<void> {
    const actor = this.#actors.find((candidate) => candidate.name === gate.actor)!;
    gate.open(verdict);
    const frees = verdict !== 'go' || actor.flight?.releases === true;
    if (verdict === 'kill') {
      await actor.die();
      run.ended.set(actor.name, { kind: 'killed' });
    }
    await this.#rest(run);
    if (frees && this.#actors.some((other) => other.blocked)) {
      // Who waits may have been let in: until each is known to wait on or has come back, nobody moves.
      for (const other of this.#actors) other.blocked = false;
      await this.#rest(run);
    }
  }

  /** Until nothing moves any more. */
  async #rest(run: Run): Promise<void> {
    for (;;) {
      // What came back runs on to its next point in this turn.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#actors.every((actor) => actor.atRest)) return;
      const flying = this.#actors.filter((actor) => !actor.atRest && actor.flight?.pid != null);
      // Only another step can hold what one waits for.
      const alone = this.#actors.filter((actor) => !actor.over).length < 2;
      if (alone || flying.length === 0) await this.#change();
      else await Promise.race([this.#change(), this.#ask(flying, run)]);
    }
  }

  /** Resolves when a step comes to a point, comes back from one or ends. */
  #change(): Promise<void> {
    const change = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return Promise.race([change, this.#late]);
  }

  /** One question at a time: most statements are back before it is answered. */
  #ask(flying: readonly Actor[], run: Run): Promise<void> {
    this.#asking ??= this.#findBlocked(flying, run).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #findBlocked(flying: readonly Actor[], run: Run): Promise<void> {
    const asked = flying.map((actor) => ({ actor, flight: actor.flight! }));
    const { rows } = await this.#control.query<{ waits: boolean }>({
      name: 'who_waits',
      text: `SELECT cardinality(pg_blocking_pids(pid)) > 0 AS waits
        FROM unnest($1::int[]) WITH ORDINALITY AS u(pid, n) ORDER BY n`,
      values: [asked.map(({ flight }) => flight.pid)],
    });
    asked.forEach(({ actor, flight }, index) => {
      if (!rows[index]!.waits || actor.flight !== flight || actor.blocked) return;
      const again = this.#suspects.has(flight);
      this.#suspects.add(flight);
      if (!again) return;
      actor.blocked = true;
      run.blocks += 1;
    });
  }

  #stuck(): string {
    const where = this.#actors.map(
      (actor) => `${actor.name}: ${actor.over ? 'over' : `after ${actor.points.at(-1)}`}`,
    );
    return `no step moves: ${where.join('; ')}`;
  }
}
