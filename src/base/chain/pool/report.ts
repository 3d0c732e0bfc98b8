import type { Sql } from '../../db/index.ts';
import type { Clock } from '../../kernel/index.ts';
import type { ChainPool } from './chain-pool.ts';
import type { EndpointView } from './endpoint.ts';
import { endpointReplaceMany } from './rows.ts';

type ReportOptions = {
  db: Sql;
  /** As in the chain's lease. */
  owner: string;
  chainId: number;
  pool: Pick<ChainPool, 'endpoints'>;
  clock: Clock;
};

/** Written so often whether or not anything changed: what is older tells of a worker that is gone. */
const REFRESH_MS = 60_000;

/** Writes what the endpoints of a chain do for others to read, when there is something to tell. */
export class EndpointReport {
  readonly #options: ReportOptions;
  #told: readonly EndpointView[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  async write(): Promise<void> {
    const { db, owner, chainId, pool, clock } = this.#options;
    const now = clock.monotonic();
    const views = pool.endpoints();
    if (now - this.#toldAt < REFRESH_MS && !hasNews(this.#told, views)) return;
    // Also when another process tells: what it tells of is not ours to repeat every few seconds.
    await endpointReplaceMany(db, chainId, owner, views);
    this.#told = views;
    this.#toldAt = now;
  }
}

/** Heads move and times waver all the time: that alone is no news. */
export function hasNews(told: readonly EndpointView[], now: readonly EndpointView[]): boolean {
  return now.some((view, index) => {
    const before = told[index];
    if (before === undefined) return true;
    const slower = Math.abs((view.latencyMs ?? 0) - (before.latencyMs ?? 0));
    return (
      view.state !== before.state ||
      view.lastFailure !== before.lastFailure ||
      view.wrongChainId !== before.wrongChainId ||
      Math.abs(view.errorRate - before.errorRate) >= 0.1 ||
      (slower > 50 && slower > (before.latencyMs ?? 0) / 2)
    );
  });
}
