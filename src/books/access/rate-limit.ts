import type { RateLimit } from '../../base/config/index.ts';
import type { Clock } from '../../base/kernel/index.ts';
import type { Identity } from './key-cache.ts';

/** How full one bucket is after a request. */
type BucketState = {
  of: 'key' | 'tenant';
  rate: RateLimit;
  /** Requests that could follow at once. */
  remaining: number;
  /** Until it is full again. */
  resetMs: number;
};
/** `waitMs` is 0 for a request that is let in. */
export type RateVerdict = { waitMs: number; buckets: BucketState[] };

type Caller = Pick<Identity, 'keyId' | 'tenantId' | 'rateLimit'>;

/** Above it buckets that are full again, and so say nothing, are forgotten. */
const MOST_BUCKETS = 10_000;

/**
 * Token buckets of keys and of tenants. In this process alone: n api processes let n times as many in, and a restart
 * begins with full ones. A bucket is one number, the time at which it will be full; a request moves it by the time
 * that one token takes.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #key: RateLimit | null;
  readonly #tenant: RateLimit | null;
  readonly #fullAt = new Map<string, number>();

  constructor(options: { clock: Clock; key: RateLimit | null; tenant: RateLimit | null }) {
    this.#clock = options.clock;
    this.#key = options.key;
    this.#tenant = options.tenant;
  }

  /** Takes a token of each bucket that the caller has, or of none. Null: nothing limits it. */
  take(caller: Caller): RateVerdict | null {
    const key = caller.rateLimit ?? this.#key;
    if (key === null && this.#tenant === null) return null;
    const now = this.#now();
    const waitMs = Math.max(
      this.#waitMs(caller.keyId, key, now),
      this.#waitMs(caller.tenantId, this.#tenant, now),
    );
    if (waitMs === 0) this.#move(caller, 1, now);
    return {
      waitMs,
      buckets: [
        ...this.#state('key', caller.keyId, key, now),
        ...this.#state('tenant', caller.tenantId, this.#tenant, now),
      ],
    };
  }

  /** For a request that was let in and does the work of `more` others as well: those after it wait for them. */
  charge(caller: Caller, more: number): void {
    this.#move(caller, more, this.#now());
  }

  /** Whole ms: fractions of two readings do not add up, and a second too much would be told. */
  #now(): number {
    return Math.floor(this.#clock.monotonic());
  }

  #waitMs(id: string, rate: RateLimit | null, now: number): number {
    if (rate === null) return 0;
    const token = 1000 / rate.requestsPerSecond;
    return Math.max(0, this.#full(id, now) + token - (now + rate.burst * token));
  }

  #state(of: BucketState['of'], id: string, rate: RateLimit | null, now: number): BucketState[] {
    if (rate === null) return [];
    const resetMs = this.#full(id, now) - now;
    const remaining = Math.floor(rate.burst - (resetMs * rate.requestsPerSecond) / 1000 + 1e-9);
    return [{ of, rate, remaining: Math.max(0, remaining), resetMs }];
  }

  #move(caller: Caller, tokens: number, now: number): void {
    const key = caller.rateLimit ?? this.#key;
    const pairs = [
      [caller.keyId, key],
      [caller.tenantId, this.#tenant],
    ] as const;
    for (const [id, rate] of pairs) {
      if (rate === null) continue;
      if (this.#fullAt.size >= MOST_BUCKETS && !this.#fullAt.has(id)) this.#forgetFull(now);
      this.#fullAt.set(id, this.#full(id, now) + (tokens * 1000) / rate.requestsPerSecond);
    }
  }

  #full(id: string, now: number): number {
    return Math.max(now, this.#fullAt.get(id) ?? now);
  }

  #forgetFull(now: number): void {
    for (const [id, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(id);
  }
}
