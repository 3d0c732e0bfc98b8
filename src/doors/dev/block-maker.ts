import type { Clock, Hex } from '../../base/kernel/index.ts';
import { rpcCall } from './rpc.ts';

const EVERY_MS = 1_000;
/** Well within the minute after which a chain without a new block is told as quiet. */
const AT_REST_EVERY_MS = 30_000;
/** At the beginning and after a trouble: a chain that came back behind is to be ahead again soon. */
const AT_FIRST = 30;

/**
 * Makes the blocks of a development chain that does not mine by itself: one a second while transactions wait
 * and until the last of them is final, else one in half a minute. A block of nothing costs the node 1.6 kB of the
 * state that it saves whole every second, and everybody who follows the chain a round.
 */
export class BlockMaker {
  readonly #url: string;
  readonly #clock: Clock;
  /** Blocks that follow the last transaction. */
  readonly #behind: number;
  readonly #stopping = new AbortController();
  #owed = AT_FIRST;
  #madeAt = Number.NEGATIVE_INFINITY;

  /** `finalAfter`: how many blocks a block has before it when it is final. */
  constructor(options: { url: string; clock: Clock; finalAfter: number }) {
    this.#url = options.url;
    this.#clock = options.clock;
    this.#behind = options.finalAfter + 4;
  }

  start(): this {
    void this.#run();
    return this;
  }

  /** A block may still be asked for. */
  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const begun = this.#clock.monotonic();
      await this.#once(begun).catch(() => {
        // Its keeper tells of a node that is away, and brings it back.
        this.#owed = AT_FIRST;
      });
      const tookMs = this.#clock.monotonic() - begun;
      await this.#clock.sleep(Math.max(EVERY_MS / 10, EVERY_MS - tookMs), signal);
    }
  }

  async #once(now: number): Promise<void> {
    const { pending } = await rpcCall<{ pending: Hex }>(this.#url, 'txpool_status', []);
    if (Number(pending) > 0) this.#owed = Math.max(this.#owed, this.#behind);
    if (this.#owed === 0 && now - this.#madeAt < AT_REST_EVERY_MS) return;
    await rpcCall(this.#url, 'evm_mine', []);
    this.#madeAt = now;
    this.#owed = Math.max(0, this.#owed - 1);
  }
}
