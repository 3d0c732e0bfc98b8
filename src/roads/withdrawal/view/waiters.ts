import type { Clock } from '../../../base/kernel/index.ts';
import { PUBLIC_STATUSES, type PublicStatus, type WithdrawalView } from '../types.ts';

const LOOK_EVERY_MS = 150;
const ENDS: readonly PublicStatus[] = [
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'FAILED',
  'COMPLETED',
  'RESETTLED',
];

/** True when `now` is at `wanted` or beyond, or the withdrawal has ended. */
export function isReached(now: PublicStatus, wanted: PublicStatus): boolean {
  return ENDS.includes(now) || PUBLIC_STATUSES.indexOf(now) >= PUBLIC_STATUSES.indexOf(wanted);
}

type Waiter = { wanted: PublicStatus; latest: WithdrawalView; done(view: WithdrawalView): void };

/**
 * Long polls. All that wait in this process are looked at by one set-based read per tick, whatever their
 * number; with nobody waiting there is no tick.
 */
export class Waiters {
  readonly #options: { clock: Clock; read(ids: string[]): Promise<WithdrawalView[]> };
  readonly #waiting = new Map<string, Set<Waiter>>();
  #ticking = false;

  constructor(options: { clock: Clock; read(ids: string[]): Promise<WithdrawalView[]> }) {
    this.#options = options;
  }

  wait(
    view: WithdrawalView,
    wanted: PublicStatus,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<WithdrawalView> {
    if (isReached(view.status, wanted) || timeoutMs <= 0 || signal.aborted)
      return Promise.resolve(view);
    return new Promise((resolve) => {
      const over = new AbortController();
      const waiter: Waiter = {
        wanted,
        latest: view,
        done: (latest) => {
          signal.removeEventListener('abort', leave);
          over.abort();
          this.#remove(view.id, waiter);
          resolve(latest);
        },
      };
      const leave = () => waiter.done(waiter.latest);
      signal.addEventListener('abort', leave, { once: true });
      void this.#options.clock.sleep(timeoutMs, over.signal).then(leave);
      this.#waiting.set(view.id, (this.#waiting.get(view.id) ?? new Set()).add(waiter));
      void this.#tick();
    });
  }

  /** Answers everybody with what is known; for a shutdown. */
  releaseAll(): void {
    for (const waiters of [...this.#waiting.values()])
      for (const waiter of [...waiters]) waiter.done(waiter.latest);
  }

  #remove(id: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiting.delete(id);
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    while (this.#waiting.size > 0) {
      await this.#options.clock.sleep(LOOK_EVERY_MS);
      // A database that is away leaves them waiting: their time-out answers with what is known.
      const views = await this.#options.read([...this.#waiting.keys()]).catch(() => []);
      for (const view of views) {
        for (const waiter of [...(this.#waiting.get(view.id) ?? [])]) {
          waiter.latest = view;
          if (isReached(view.status, waiter.wanted)) waiter.done(view);
        }
      }
    }
    this.#ticking = false;
  }
}
