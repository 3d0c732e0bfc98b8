import type { ChainPort, FeeMarket } from '../../../base/chain/index.ts';
import type { ChainSettings } from '../../../base/config/index.ts';
import type { Clock } from '../../../base/kernel/index.ts';
import { percentilesOf } from './quote.ts';

/** A head that stands still is no word on fees any more. */
const FRESH_MS = 10_000;

/** What chains ask for gas, asked once for each head that the tracker saw. A crash forgets it. */
export class FeeMarkets {
  readonly #clock: Clock;
  readonly #byChain = new Map<number, { head: string; at: number; market: FeeMarket }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws Transient when the node can not be asked. */
  async at(
    head: { hash: string },
    { settings, port }: { settings: ChainSettings; port: ChainPort },
  ): Promise<FeeMarket> {
    const known = this.#byChain.get(settings.chainId);
    const at = this.#clock.monotonic();
    if (known?.head === head.hash && at - known.at < FRESH_MS) return known.market;
    const { blocks, percentile } = settings.fees;
    const market = await port.feeMarket({ blocks, percentiles: percentilesOf(percentile) });
    this.#byChain.set(settings.chainId, { head: head.hash, at, market });
    return market;
  }
}
