import { type Clock, type Log, messageOf } from '../kernel/index.ts';

type LoopOptions = {
  name: string;
  /** How long to rest when a round found nothing and nobody wakes the loop; asked each time where it depends on the moment. */
  idleMs: number | (() => number);
  /** How long to rest before the first round; at once unless told. */
  firstAfterMs?: number;
  clock: Clock;
  log: Log;
  /** One round; true when there may be more to do at once. */
  round(): Promise<boolean>;
};

/** However seldom a loop looks by itself: nobody wakes one that rests after a failure. */
const AFTER_FAILURE_MS = 5_000;

/**
 * Runs rounds until it is stopped: at once while there is work, when woken, else every idleMs. An
 * error is logged once per kind and followed by a rest with full jitter, 100 ms doubling to 10 s, and no shorter than
 * idleMs up to 5 s; the loop itself never ends.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #woken = false;
  #running: Promise<void> | null = null;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): this {
    this.#running ??= this.#run();
    return this;
  }

  wake(): void {
    this.#woken = true;
    this.#wake.abort();
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    let told = '';
    const { firstAfterMs = 0 } = this.#options;
    if (firstAfterMs > 0) await this.#rest(firstAfterMs, true);
    while (!this.#stop.signal.aborted) {
      this.#woken = false;
      let restMs = 0;
      try {
        if (!(await this.#options.round())) restMs = this.#idleMs();
        if (failures > 0) this.#options.log.info({ loop: this.#options.name }, 'goes on');
        failures = 0;
        told = '';
      } catch (error) {
        failures += 1;
        restMs = Math.max(
          Math.min(this.#idleMs(), AFTER_FAILURE_MS),
          Math.random() * Math.min(10_000, 100 * 2 ** Math.min(failures, 10)),
        );
        const message = messageOf(error);
        if (message !== told) {
          told = message;
          this.#options.log.error(
            { loop: this.#options.name, error: message },
            'round failed, trying again',
          );
        }
      }
      if (restMs > 0 && !this.#woken) await this.#rest(restMs, failures === 0);
    }
  }

  #idleMs(): number {
    const { idleMs } = this.#options;
    return typeof idleMs === 'number' ? idleMs : idleMs();
  }

  async #rest(ms: number, mayWake: boolean): Promise<void> {
    this.#wake = new AbortController();
    if (this.#stop.signal.aborted) return;
    const signal = mayWake ? this.#wake.signal : this.#stop.signal;
    await this.#options.clock.sleep(ms, signal);
  }
}
