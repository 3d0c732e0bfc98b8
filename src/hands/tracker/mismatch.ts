import type { Dispute } from '../../base/chain/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { type Clock, type Log, messageOf } from '../../base/kernel/index.ts';
import { tellChain } from './tell.ts';

/** Nodes that walk different branches for a moment are no mismatch; about one and the same block they are at once. */
const BRANCHES_MS = 15_000;
/** Not heard of for so long, it is over; the next one is told anew. */
const OVER_MS = 60_000;

type Case = { since: number; heard: number; told: boolean };

/**
 * Tells of nodes that say different things of a chain: an event and an error in the log, once for as long as it
 * goes on. Nothing ends meanwhile that fewer nodes agree on than are needed.
 */
export class Mismatches {
  readonly #options: { db: Db; chainId: number; clock: Clock; log: Log };
  readonly #cases = new Map<string, Case>();

  constructor(options: { db: Db; chainId: number; clock: Clock; log: Log }) {
    this.#options = options;
  }

  heard({ about, settled, against }: Dispute): void {
    const now = this.#options.clock.monotonic();
    const ofBranches = about === 'header' || about === 'blocks';
    const key = `${ofBranches ? 'branch' : about}|${[...against].sort().join()}`;
    const before = this.#cases.get(key);
    const one =
      before === undefined || now - before.heard > OVER_MS
        ? { since: now, heard: now, told: false }
        : before;
    one.heard = now;
    this.#cases.set(key, one);
    for (const [other, { heard }] of this.#cases) {
      if (now - heard > OVER_MS) this.#cases.delete(other);
    }
    if (one.told || (ofBranches && now - one.since < BRANCHES_MS)) return;
    one.told = true;
    void this.#tell({ about, settled, nodes: [...against].sort() });
  }

  async #tell(data: { about: string; settled: boolean; nodes: string[] }): Promise<void> {
    const { db, chainId, log } = this.#options;
    log.error(
      { chainId, code: 'chain_mismatch', ...data },
      data.settled
        ? 'nodes say something else than the others, and are not believed'
        : 'too few nodes agree: nothing ends on this chain until they do',
    );
    await inTransaction(db, (sql) => tellChain(sql, chainId, 'chain.mismatch', data)).catch(
      (error) => log.warn({ chainId, error: messageOf(error) }, 'the event of a mismatch was lost'),
    );
  }
}
