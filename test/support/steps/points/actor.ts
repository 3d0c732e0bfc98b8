/** What happens at a point: it is passed; it happens and its answer is lost; it fails; the process dies there. */
export type Verdict = 'go' | 'lose' | 'fail' | 'kill';

/** One await of a step that reaches the world: a statement, a call to a node, a file. */
type Point = {
  actor: string;
  /** From 1, in the order in which the step came to them. */
  index: number;
  what: string;
};

type Act<T> = {
  run(): Promise<T>;
  /** Breaks what the act goes over, and what the step is told then. */
  fail(): Promise<T>;
  /** The server process that works on it, where it may have to wait for a lock. */
  pid?: number;
  /** Its end gives locks back: whoever waits for one may go on. */
  releases?: boolean;
};

export type Gate = Point & { open(verdict: Verdict): void };
export type Flight = { pid: number | null; releases: boolean };

/**
 * A step that runs by leave: each of its points waits for a verdict. A killed one never runs on: its
 * promises stay open for ever, as a process's that is gone.
 */
export class Actor {
  readonly name: string;
  readonly gates: Gate[] = [];
  /** What it was let do and what has not come back. */
  flight: Flight | null = null;
  /** Waits inside of the database for a lock that another step holds. */
  blocked = false;
  over = false;
  readonly points: string[] = [];
  readonly #cleanups = new Set<() => Promise<void>>();
  readonly #changed: () => void;

  constructor(name: string, changed: () => void) {
    this.name = name;
    this.#changed = changed;
  }

  pass<T>(what: string, act: Act<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.points.push(what);
      const gate: Gate = {
        actor: this.name,
        index: this.points.length,
        what,
        open: (verdict) => {
          this.gates.splice(this.gates.indexOf(gate), 1);
          if (verdict === 'kill') return;
          this.flight = { pid: act.pid ?? null, releases: act.releases ?? true };
          perform(act, verdict)
            .then(resolve, reject)
            .finally(() => {
              this.flight = null;
              this.blocked = false;
              this.#changed();
            });
        },
      };
      this.gates.push(gate);
      this.#changed();
    });
  }

  /** Called with what a death of the process takes with it, such as a connection. */
  onDeath(cleanup: () => Promise<void>): () => void {
    this.#cleanups.add(cleanup);
    return () => this.#cleanups.delete(cleanup);
  }

  async die(): Promise<void> {
    this.over = true;
    this.gates.length = 0;
    for (const cleanup of this.#cleanups) await cleanup();
  }

  /** Nothing of it moves until the scheduler says so. */
  get atRest(): boolean {
    return this.over || this.blocked || (this.flight === null && this.gates.length > 0);
  }
}

async function perform<T>(act: Act<T>, verdict: 'go' | 'lose' | 'fail'): Promise<T> {
  if (verdict === 'go') return act.run();
  if (verdict === 'lose') await act.run().catch(() => undefined);
  return act.fail();
}
