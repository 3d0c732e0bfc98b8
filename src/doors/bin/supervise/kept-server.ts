import { type Clock, messageOf } from '../../../base/kernel/index.ts';
import { isRunning, type ProcessIdentity } from '../../dev/index.ts';
import { RestartDelays } from './restart-delays.ts';

type KeptServerOptions<Server extends ProcessIdentity> = {
  name: string;
  server: Server;
  /** Starts it again where it was: same ports, same state. */
  restart(dead: Server): Promise<Server>;
  clock: Clock;
  say(line: string): void;
  changed(): void;
  /** An error of restart() after which trying again is of no use. */
  isFatal(error: unknown): boolean;
  fatal(error: unknown): void;
};

const QUIET_MS = 2_000;
const LOOK_EVERY_MS = 1_000;

/**
 * A server that outlives the supervisor, kept alive while the supervisor lives. It may have been
 * started by an earlier one, so that its end is seen by looking, not told by the system.
 */
export class KeptServer<Server extends ProcessIdentity> {
  readonly #options: KeptServerOptions<Server>;
  readonly #stopping = new AbortController();
  readonly #delays = new RestartDelays();
  #server: Server;
  #begunAt: number;
  #kept: Promise<void> = Promise.resolve();

  constructor(options: KeptServerOptions<Server>) {
    this.#options = options;
    this.#server = options.server;
    this.#begunAt = options.clock.monotonic();
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
      if (isRunning(this.#server)) continue;
      try {
        await this.#restart(signal);
      } catch (error) {
        if (isFatal(error)) return fatal(error);
        throw error;
      }
    }
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
