import { type Clock, ConfigurationError, Transient } from '../kernel/index.ts';
import { awsFailure } from './failure.ts';

export type AwsLimits = {
  /** For one request. */
  attemptMs: number;
  /** For all tries of one call, waiting for its turn included. */
  withinMs: number;
  backOffBaseMs: number;
};

/** All tries end well before a claim is 30 s old and taken over, else two would ask for the same signature. */
export const AWS_LIMITS: AwsLimits = { attemptMs: 3_000, withinMs: 20_000, backOffBaseMs: 50 };

const BACK_OFF_CAP_MS = 2_000;
const MAX_CONCURRENT = 32;

type AwsCallsOptions = {
  /** Shown in errors. */
  name: string;
  requestsPerSecond: number;
  clock: Clock;
  limits: AwsLimits;
};

/**
 * Calls to an AWS service: so many at a time, so many a second, tried again with full jitter. It takes the place of
 * the SDK's own retries, so that each request counts and a throttled one slows all.
 */
export class AwsCalls {
  readonly #options: AwsCallsOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;
  /** When the next request may go; may lie back by what the burst allows. */
  #nextAt = -Infinity;

  constructor(options: AwsCallsOptions) {
    this.#options = options;
  }

  /** Throws Transient when there was no answer in time, ConfigurationError when it was refused. */
  async call<T>(what: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { name, clock, limits } = this.#options;
    const until = clock.monotonic() + limits.withinMs;
    let last = 'there were too many before it';
    for (let tries = 0; ; tries += 1) {
      if (this.#closed) throw new Transient(`${name}: ${what} was given up; ${last}`);
      await this.#place();
      try {
        const isOurs = await this.#turn(until);
        if (isOurs && !this.#closed) return await attempt(AbortSignal.timeout(limits.attemptMs));
      } catch (error) {
        const { kind, told } = awsFailure(error);
        last = `${what} failed: ${told}`;
        if (kind === 'refused') throw new ConfigurationError(`${name}: ${last}`, { cause: error });
        if (kind === 'throttled') this.#slowDown();
      } finally {
        this.#leave();
      }
      const highest = Math.min(BACK_OFF_CAP_MS, limits.backOffBaseMs * 2 ** tries);
      const pauseMs = Math.random() * highest;
      if (clock.monotonic() + pauseMs >= until) {
        throw new Transient(`${name}: ${what} had no answer in ${limits.withinMs} ms; ${last}`);
      }
      await clock.sleep(pauseMs);
    }
  }

  /** What is under way may be answered yet; nothing is asked, or asked again, after it. */
  close(): void {
    this.#closed = true;
  }

  async #place(): Promise<void> {
    if (this.#running < MAX_CONCURRENT) {
      this.#running += 1;
      return;
    }
    // The place is handed over: whoever leaves does not count itself out.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  /**
   * A token bucket that holds a fifth of a second, kept as the time at which the next token is there. False, and none is
   * taken, where that is too late: after a burst those that nobody waits for any more would take the turns of all others.
   */
  async #turn(until: number): Promise<boolean> {
    const { requestsPerSecond, clock } = this.#options;
    const everyMs = 1_000 / requestsPerSecond;
    const burstMs = Math.max(0, 200 - everyMs);
    const now = clock.monotonic();
    const at = Math.max(this.#nextAt, now - burstMs);
    if (Math.max(at, now) >= until) return false;
    this.#nextAt = at + everyMs;
    if (at > now) await clock.sleep(at - now);
    return true;
  }

  /** The quota is the account's, and others use it too: what was saved up is not there. */
  #slowDown(): void {
    const { requestsPerSecond, clock } = this.#options;
    this.#nextAt = Math.max(this.#nextAt, clock.monotonic() + 1_000 / requestsPerSecond);
  }
}
