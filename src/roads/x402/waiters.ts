import type { Sql } from '../../base/db/index.ts';
import type { Clock } from '../../base/kernel/index.ts';
import { readHeads } from '../../books/tx/index.ts';
import { type Outcome, outcomeOf } from './payment/outcome.ts';
import type { PaymentRow } from './payment/rows.ts';

const LOOK_EVERY_MS = 100;
/** What no head tells: a failure, bytes that were signed, somebody else's payment that was found. */
const READ_EVERY_MS = 500;

type WaitersOptions = {
  clock: Clock;
  /** Where the chains stand: another text as soon as any head has moved. */
  heads(): Promise<string>;
  read(ids: string[]): Promise<Map<string, PaymentRow>>;
};

type Waiter = { until(outcome: Outcome): boolean; latest: PaymentRow; done(row: PaymentRow): void };

/**
 * Long polls of payments: all that wait in this process are read at once, whatever their number, when a chain's head has
 * moved, and now and then; with nobody waiting there is no tick. A lost database leaves them waiting to their end.
 */
export class PaymentWaiters {
  readonly #options: WaitersOptions;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #ticking = false;

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  /** The payment once its outcome is as wanted, or as it is when the time is over. */
  wait(
    row: PaymentRow,
    { waitMs, until }: { waitMs: number; until(outcome: Outcome): boolean },
  ): Promise<PaymentRow> {
    if (until(outcomeOf(row)) || waitMs <= 0) return Promise.resolve(row);
    return new Promise((resolve) => {
      const over = new AbortController();
      const waiters = this.#waiting.get(row.id) ?? new Set();
      const waiter: Waiter = {
        until,
        latest: row,
        done: (latest) => {
          over.abort();
          waiters.delete(waiter);
          if (waiters.size === 0) this.#waiting.delete(row.id);
          resolve(latest);
        },
      };
      waiters.add(waiter);
      this.#waiting.set(row.id, waiters);
      void this.#options.clock.sleep(waitMs, over.signal).then(() => waiter.done(waiter.latest));
      void this.#tick();
    });
  }

  /** Answers everybody with what is known; for a shutdown. */
  releaseAll(): void {
    for (const waiters of [...this.#waiting.values()])
      for (const waiter of [...waiters]) waiter.done(waiter.latest);
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    const { clock, heads, read } = this.#options;
    let seen = '';
    let readAt = Number.NEGATIVE_INFINITY;
    while (this.#waiting.size > 0) {
      await clock.sleep(LOOK_EVERY_MS);
      const now = await heads().catch(() => seen);
      if (now === seen && clock.monotonic() - readAt < READ_EVERY_MS) continue;
      seen = now;
      readAt = clock.monotonic();
      const rows = await read([...this.#waiting.keys()]).catch(() => new Map());
      for (const [id, waiters] of [...this.#waiting]) {
        const row = rows.get(id);
        if (row === undefined) continue;
        const outcome = outcomeOf(row);
        for (const waiter of [...waiters]) {
          waiter.latest = row;
          if (waiter.until(outcome)) waiter.done(row);
        }
      }
    }
    this.#ticking = false;
  }
}

/** Where the chains stand, as one text. */
export async function tellHeads(sql: Sql): Promise<string> {
  const heads = [...(await readHeads(sql)).values()];
  return heads
    .map(({ hash, safe, finalized, haltedReason }) => [hash, safe, finalized, haltedReason])
    .join();
}
