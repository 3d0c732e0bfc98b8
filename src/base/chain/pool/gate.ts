import type { Clock } from '../../kernel/index.ts';
import { EndpointFailure } from '../failure.ts';

type GateOptions = {
  /** Shown in refusals. */
  name: string;
  requestsPerSecond: number | null;
  burst: number;
  maxConcurrent: number;
  clock: Clock;
};

/** More waiting requests than this times maxConcurrent are turned away: they would only grow old. */
const WAITING_PER_PLACE = 8;
const LONGEST_WAIT_MS = 10_000;

/**
 * What an endpoint may be asked: a token for each call, and a place for each request. Tokens are taken before
 * they are there and waited for, so that whoever comes first goes first.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #tokens: number;
  #refilledAt: number;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#refilledAt = options.clock.monotonic();
  }

  /** Whether a call would go at once. */
  get free(): boolean {
    return this.#running < this.#options.maxConcurrent && this.#refill() >= 1;
  }

  /** Resolves when so many calls may go, with what ends them. Throws EndpointFailure when that takes too long. */
  async enter(calls: number): Promise<() => void> {
    await this.#place();
    try {
      await this.#tokensFor(calls);
    } catch (error) {
      this.#leave();
      throw error;
    }
    return () => this.#leave();
  }

  async #place(): Promise<void> {
    const { maxConcurrent, name } = this.#options;
    if (this.#running < maxConcurrent) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= WAITING_PER_PLACE * maxConcurrent) {
      throw new EndpointFailure(
        'own_limit',
        `${name}: ${this.#waiting.length} requests wait for it`,
      );
    }
    // The place is handed over: whoever leaves does not count itself out.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #tokensFor(calls: number): Promise<void> {
    const { requestsPerSecond: rate, clock, name } = this.#options;
    if (rate === null) return;
    const waitMs = Math.max(0, ((calls - this.#refill()) / rate) * 1_000);
    if (waitMs > LONGEST_WAIT_MS) {
      throw new EndpointFailure('own_limit', `${name}: its ${rate} calls a second are spent`);
    }
    this.#tokens -= calls;
    if (waitMs > 0) await clock.sleep(waitMs);
  }

  #refill(): number {
    const { requestsPerSecond: rate, burst, clock } = this.#options;
    if (rate === null) return burst;
    const now = clock.monotonic();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#refilledAt) / 1_000) * rate);
    this.#refilledAt = now;
    return this.#tokens;
  }
}
