import type { ChainPort } from '../../base/chain/index.ts';
import type { Clock, Hex } from '../../base/kernel/index.ts';
import { Rhythm } from './rhythm.ts';

/** Often enough to keep the chain's lease, and for what the newest block's hash does not tell. */
const ANYWAY_MS = 3_000;

/**
 * Lets a round of the walk happen when the node's newest block is another than before the last round that left
 * nothing to do, else only every few seconds: between blocks a look costs one call, and no statement.
 */
export class TipWatch {
  readonly #clock: Clock;
  readonly #rhythm: Rhythm;
  #done: Hex | null = null;
  #anywayAt = 0;

  constructor(clock: Clock, pollMs: number) {
    this.#clock = clock;
    this.#rhythm = new Rhythm(pollMs);
  }

  /** Runs `round` when it is worth it; what it answers, and false when it was not run. */
  async round(port: ChainPort, round: () => Promise<boolean>): Promise<boolean> {
    const latest = await port.header('latest');
    if (latest !== null) this.#rhythm.looked(this.#clock.monotonic(), latest);
    const tip = latest?.hash ?? null;
    if (tip !== null && tip === this.#done && this.#clock.monotonic() < this.#anywayAt)
      return false;
    this.#done = null;
    const more = await round();
    if (!more) {
      this.#done = tip;
      this.#anywayAt = this.#clock.monotonic() + ANYWAY_MS;
    }
    return more;
  }

  /** Until the next look. */
  restMs(): number {
    return this.#rhythm.restMs(this.#clock.monotonic());
  }
}
