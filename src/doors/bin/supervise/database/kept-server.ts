import { type Clock, messageOf } from '../../../../base/kernel/index.ts';
import { isRunning, type ProcessIdentity } from '../../../dev/index.ts';
import { RestartDelays } from '../restart-delays.ts';

type KeptServerOptions<Server extends ProcessIdentity> = {
  name: string;
  server: Server;
  /** Starts it again where it was: same ports, same state. */
  restart(dead: Server): Promise<Server>;
  /** Whether it answers now; may take for ever. */
  answers(server: Server): Promise<boolean>;
  clock: Clock;
  say(line: string): void;
  changed(): void;
  /** An error of restart() after which trying again is of no use. */
  isFatal(error: unknown): boolean;
  fatal(error: unknown): void;
};

const QUIET_MS = 2_000;
const LOOK_EVERY_MS = 1_000;
/** A session of PostgreSQL is some milliseconds of its time. */
const ASK_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;

/**
 * A server that outlives the supervisor, kept alive while the supervisor lives. It may have been
 * started by an earlier one, so that its end is seen by looking, not told by the system. One that runs and does not
 * answer is told and left alone: nobody knows from outside what it would lose.
 */
export class KeptServer<Server extends ProcessIdentity> {
  readonly #options: KeptServerOptions<Server>;
  readonly #stopping = new AbortController();
  readonly #delays = new RestartDelays();
  #server: Server;
  #begunAt: number;
  #askAt: number;
  #silent: 'no' | 'once' | 'told' = 'no';
  #kept: Promise<void> = Promise.resolve();

  constructor(options: KeptServerOptions<Server>) {
    this.#options = options;
    this.#server = options.server;
    this.#begunAt = options.clock.monotonic();
    this.#askAt = this.#begunAt + ASK_EVERY_MS;
  }

  get server(): Server {
    return this.#server;
  }

  start(): void {
    this.#kept = this.#keep();
  }

  /** Ends the keeping, not the server; resolves when no restart is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { clock, isFatal, fatal } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(LOOK_EVERY_MS, signal);
      if (signal.aborted) return;
      if (isRunning(this.#server)) {
        await this.#listen(signal);
        continue;
      }
      try {
        await this.#restart(signal);
      } catch (error) {
        if (isFatal(error)) return fatal(error);
        throw error;
      }
    }
  }

  /** A first silence is asked about again at once: a machine that was suspended has just woken. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { name, clock, say } = this.#options;
    if (clock.monotonic() < this.#askAt) return;
    const answers = await this.#answersInTime(signal);
    const { pid } = this.#server;
    if (signal.aborted || (!answers && !isRunning(this.#server))) return;
    if (answers && this.#silent === 'told') say(`! ${name} (pid ${pid}) answers again`);
    if (!answers && this.#silent === 'once') {
      say(
        `! ${name} (pid ${pid}) runs and does not answer; it is left alone: look at its log and its disk, a suspended one goes on by kill -CONT ${pid}`,
      );
    }
    this.#silent = answers ? 'no' : this.#silent === 'no' ? 'once' : 'told';
    if (this.#silent !== 'once') this.#askAt = clock.monotonic() + ASK_EVERY_MS;
  }

  async #answersInTime(signal: AbortSignal): Promise<boolean> {
    const { clock, answers } = this.#options;
    const answered = new AbortController();
    const late = clock.sleep(ANSWER_WITHIN_MS, AbortSignal.any([signal, answered.signal]));
    const asked = answers(this.#server).catch(() => false);
    const inTime = await Promise.race([asked, late.then(() => false)]);
    answered.abort();
    return inTime;
  }

  async #restart(signal: AbortSignal): Promise<void> {
    const { name, clock, restart, say, changed, isFatal } = this.#options;
    const { pid } = this.#server;
    let healthyMs = clock.monotonic() - this.#begunAt;
    for (;;) {
      const delay = this.#delays.next(healthyMs);
      if (delay > 0) await clock.sleep(delay, signal);
      if (signal.aborted) return;
      try {
        this.#server = await this.#told(restart(this.#server));
        this.#begunAt = clock.monotonic();
        this.#silent = 'no';
        say(`! ${name} (pid ${pid}) died and was started again (pid ${this.#server.pid})`);
        return changed();
      } catch (error) {
        if (isFatal(error)) throw error;
        say(`! ${name} (pid ${pid}) died and does not start again: ${messageOf(error)}; trying on`);
        healthyMs = 0;
      }
    }
  }

  /** A restart that takes its time (a recovery of PostgreSQL) is told before it is over. */
  async #told(restarting: Promise<Server>): Promise<Server> {
    const { name, say } = this.#options;
    const { pid } = this.#server;
    const slow = setTimeout(
      () => say(`! ${name} (pid ${pid}) died, starting it again …`),
      QUIET_MS,
    );
    try {
      return await restarting;
    } finally {
      clearTimeout(slow);
    }
  }
}
