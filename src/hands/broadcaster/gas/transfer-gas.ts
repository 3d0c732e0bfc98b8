import type { Clock } from '../../../base/kernel/index.ts';

/** What a transfer costs changes: a token is upgraded, a rollup charges for its data by the day's price. */
export const PERIOD_MS = 300_000;

/**
 * What a transfer may need to be remembered, in gas. Above it is the recipient's own doing (a wallet with code, a
 * token that calls whom it pays), for which others are not to set gas aside.
 */
const WORTH_REMEMBERING = { native: 42_000n, token: 150_000n } as const;

type Seen = { since: number; highest: bigint | null; before: bigint | null };

/**
 * The most that estimates said of late a transfer of an asset needs. An estimate counts for one to two
 * periods, then another is asked. A crash forgets it, and the next transfer is estimated.
 */
export class TransferGas {
  readonly #clock: Clock;
  /** By CAIP-19 id: as many as are configured. */
  readonly #byAsset = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gas units, without a margin; null: ask. */
  recall(asset: string): bigint | null {
    const { highest, before } = this.#seen(asset);
    if (highest === null || before === null) return highest ?? before;
    return highest > before ? highest : before;
  }

  remember({ asset, token }: { asset: string; token: string | null }, gas: bigint): void {
    if (gas > WORTH_REMEMBERING[token === null ? 'native' : 'token']) return;
    const seen = this.#seen(asset);
    if (seen.highest === null || gas > seen.highest) seen.highest = gas;
    this.#byAsset.set(asset, seen);
  }

  #seen(asset: string): Seen {
    const now = this.#clock.monotonic();
    const seen = this.#byAsset.get(asset);
    const age = seen === undefined ? Infinity : now - seen.since;
    if (seen === undefined || age >= 2 * PERIOD_MS) {
      return { since: now, highest: null, before: null };
    }
    if (age < PERIOD_MS) return seen;
    const next = { since: seen.since + PERIOD_MS, highest: null, before: seen.highest };
    this.#byAsset.set(asset, next);
    return next;
  }
}
