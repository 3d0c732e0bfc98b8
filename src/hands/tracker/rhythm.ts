import type { BlockHeader } from '../../base/chain/index.ts';

/** Around the moment when a block is due it is looked for so many times as often. */
const FINER = 5;

type Newest = Pick<BlockHeader, 'hash' | 'number' | 'timestamp'> & {
  /** It came between these two looks. */
  after: number;
  by: number;
};

/**
 * How long to rest until the next look at a chain's tip: as long as usual, but for the moment when the next block is due
 * by the ones before, so that it is seen soon after it came. Where blocks are less than two looks apart, or their times
 * tell no distance, looks are as far apart as ever. Pure: time is passed in. A crash forgets it.
 */
export class Rhythm {
  readonly #pollMs: number;
  #newest: Newest | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #distanceMs = 0;

  constructor(pollMs: number) {
    this.#pollMs = pollMs;
  }

  /** What a look at `at` showed. */
  looked(at: number, { hash, number, timestamp }: BlockHeader): void {
    const before = this.#newest;
    if (before?.hash !== hash) {
      const after = Math.max(this.#lookedAt, at - this.#pollMs);
      this.#newest = { hash, number, timestamp, after, by: at };
      this.#distanceMs =
        before === null || number <= before.number
          ? 0
          : ((timestamp - before.timestamp) * 1_000) / (number - before.number);
    }
    this.#lookedAt = at;
  }

  restMs(now: number): number {
    const pollMs = this.#pollMs;
    if (this.#newest === null || this.#distanceMs < 2 * pollMs) return pollMs;
    const { after, by } = this.#newest;
    const dueIn = after + this.#distanceMs - now;
    if (dueIn > 0) return Math.min(pollMs, dueIn);
    const isLate = now > by + this.#distanceMs + pollMs;
    return isLate ? pollMs : pollMs / FINER;
  }
}
