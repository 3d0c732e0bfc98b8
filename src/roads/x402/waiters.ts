import type { Sql } from '../../base/db/index.ts';
import type { Clock } from '../../base/kernel/index.ts';
import { readHeads } from '../../books/tx/index.ts';
import { type Outcome, outcomeOf } from './payment/outcome.ts';
import { isOnChain, type PaymentRow } from './payment/rows.ts';

const LOOK_EVERY_MS = 100;
/** What no head tells: a failure, somebody else's payment that was found. */
const MOVED_EVERY_MS = 500;

type WaitersOptions = {
  clock: Clock;
  /** Where the chains stand: another text as soon as any head has moved. */
  heads(): Promise<string>;
  /** Those that stand elsewhere by now; much cheaper than to read them. */
  moved(seen: ReadonlyMap<string, PaymentRow>): Promise<string[]>;
  read(ids: string[]): Promise<Map<string, PaymentRow>>;
};

type Waiter = {
  until(outcome: Outcome): boolean;
  deadline: number;
  latest: PaymentRow;
  done(row: PaymentRow): void;
};

/**
 * Long polls of payments, whatever their number in this process: when a chain's head has moved, and now and then, those that
 * have moved with it are read at once. Who hears of a new head says so; what nobody heard of is found at the next tick,
 * and with nobody waiting there is none. A lost database leaves them waiting to their end.
 */
export class PaymentWaiters {
  readonly #options: WaitersOptions;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #ticking = false;
  #looking = false;
  #heads = '';
  #rest = new AbortController();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  /** The payment once its outcome is as wanted, or as it was read last when the time is over. */
  wait(
    row: PaymentRow,
    { waitMs, until }: { waitMs: number; until(outcome: Outcome): boolean },
  ): Promise<PaymentRow> {
    if (until(outcomeOf(row)) || waitMs <= 0) return Promise.resolve(row);
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(row.id) ?? new Set();
      const waiter: Waiter = {
        until,
        deadline: this.#options.clock.monotonic() + waitMs,
        latest: row,
        done: (latest) => {
          waiters.delete(waiter);
          if (waiters.size === 0) this.#waiting.delete(row.id);
          resolve(latest);
        },
      };
      waiters.add(waiter);
      this.#waiting.set(row.id, waiters);
      void this.#tick();
    });
  }

  /** A chain's head has moved. */
  wake(): void {
    this.#rest.abort();
  }

  /** Answers everybody with what is known; for a shutdown. */
  releaseAll(): void {
    for (const waiter of this.#all()) waiter.done(waiter.latest);
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    const { clock } = this.#options;
    while (this.#waiting.size > 0) {
      this.#rest = new AbortController();
      await clock.sleep(LOOK_EVERY_MS, this.#rest.signal);
      const now = clock.monotonic();
      for (const waiter of this.#all()) if (waiter.deadline <= now) waiter.done(waiter.latest);
      if (!this.#looking) void this.#look();
    }
    this.#ticking = false;
    this.#heads = '';
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const ids = await this.#due().catch(() => []);
    const rows = ids.length === 0 ? new Map() : await this.#read(ids);
    for (const row of rows.values()) {
      const outcome = outcomeOf(row);
      for (const waiter of [...(this.#waiting.get(row.id) ?? [])]) {
        waiter.latest = row;
        if (waiter.until(outcome)) waiter.done(row);
      }
    }
    this.#looking = false;
  }

  /** Which of them have something to show. */
  async #due(): Promise<string[]> {
    const { clock, heads, moved } = this.#options;
    const now = await heads();
    const hasMoved = now !== this.#heads;
    if (!hasMoved && clock.monotonic() - this.#lookedAt < MOVED_EVERY_MS) return [];
    this.#heads = now;
    this.#lookedAt = clock.monotonic();
    const seen = new Map([...this.#waiting].map(([id, [first]]) => [id, first!.latest]));
    const risen = hasMoved ? [...seen.values()].filter(isOnChain).map(({ id }) => id) : [];
    return [...new Set([...risen, ...(await moved(seen))])];
  }

  async #read(ids: string[]): Promise<Map<string, PaymentRow>> {
    try {
      return await this.#options.read(ids);
    } catch {
      // All of them at the next look.
      this.#heads = '';
      return new Map();
    }
  }

  #all(): Waiter[] {
    return [...this.#waiting.values()].flatMap((waiters) => [...waiters]);
  }
}

/** Where the chains stand, as one text. */
export async function tellHeads(sql: Sql): Promise<string> {
  const heads = [...(await readHeads(sql)).values()];
  return heads
    .map(({ hash, safe, finalized, haltedReason }) => [hash, safe, finalized, haltedReason])
    .join();
}
