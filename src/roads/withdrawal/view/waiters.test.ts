import { expect, it } from 'vitest';
import type { Clock } from '../../../base/kernel/index.ts';
import type { PublicStatus, WithdrawalView } from '../types.ts';
import { isReached, Waiters } from './waiters.ts';

const viewOf = (id: string, status: PublicStatus) => ({ id, status }) as WithdrawalView;
const never = new AbortController().signal;

/** Time passes when the test says so. */
class HandClock implements Clock {
  #at = 0;
  #sleepers: { until: number; wake(): void }[] = [];

  now = () => this.#at;
  monotonic = () => this.#at;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { until: this.#at + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      const leave = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      };
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  get sleeping(): number {
    return this.#sleepers.length;
  }

  async pass(ms: number): Promise<void> {
    this.#at += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.until <= this.#at);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.until > this.#at);
    for (const sleeper of due) sleeper.wake();
    // Lets what was woken run to its next rest.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function waitersOver(rows: Map<string, PublicStatus>) {
  const clock = new HandClock();
  const reads: string[][] = [];
  const waiters = new Waiters({
    clock,
    read: async (ids) => {
      reads.push(ids);
      if (rows.size === 0) throw new Error('the database is away');
      return ids.flatMap((id) => (rows.has(id) ? [viewOf(id, rows.get(id)!)] : []));
    },
  });
  return { clock, reads, rows, waiters };
}

it.each<[PublicStatus, PublicStatus, boolean]>([
  ['RESERVED', 'RESERVED', true],
  ['RESERVED', 'APPROVED', false],
  ['INCLUDED', 'BROADCASTED', true],
  ['SAFE', 'FINALIZED', false],
  ['COMPLETED', 'SAFE', true],
  ['FAILED', 'COMPLETED', true],
  ['CANCELLED', 'SIGNED', true],
  ['REJECTED', 'RESERVED', true],
  ['EXPIRED', 'COMPLETED', true],
  ['COMPLETED', 'RESETTLED', true],
  ['REVERSED', 'COMPLETED', true],
  ['REVERSED', 'RESETTLED', false],
])('%s has reached %s: %s', (now, wanted, reached) => {
  expect(isReached(now, wanted)).toBe(reached);
});

it('answers at once what is there already, without a time-out, or without a client', async () => {
  const { waiters, reads, clock } = waitersOver(new Map([['a', 'RESERVED']]));
  const view = viewOf('a', 'RESERVED');
  const gone = new AbortController();
  gone.abort();
  expect(await waiters.wait(view, 'RESERVED', 1_000, never)).toBe(view);
  expect(await waiters.wait(view, 'COMPLETED', 0, never)).toBe(view);
  expect(await waiters.wait(view, 'COMPLETED', 1_000, gone.signal)).toBe(view);
  expect([reads.length, clock.sleeping]).toEqual([0, 0]);
});

it('looks at everybody by one read per tick, and does not look when nobody waits', async () => {
  const { waiters, reads, rows, clock } = waitersOver(
    new Map([
      ['a', 'RESERVED'],
      ['b', 'RESERVED'],
    ]),
  );
  const waiting = ['a', 'a', 'b'].map((id) =>
    waiters.wait(viewOf(id, 'RESERVED'), 'SIGNED', 60_000, never),
  );
  await clock.pass(200);
  rows.set('a', 'BROADCASTED');
  await clock.pass(200);
  rows.set('b', 'FAILED');
  await clock.pass(200);
  const views = await Promise.all(waiting);
  expect(views.map((view) => view.status)).toEqual(['BROADCASTED', 'BROADCASTED', 'FAILED']);
  expect(reads).toEqual([['a', 'b'], ['a', 'b'], ['b']]);
  await clock.pass(1_000);
  expect([reads.length, clock.sleeping]).toEqual([3, 0]);
});

it('answers with what is known after the time-out, also while the database is away', async () => {
  const { waiters, rows, clock } = waitersOver(new Map([['a', 'RESERVED']]));
  const one = waiters.wait(viewOf('a', 'RESERVED'), 'COMPLETED', 500, never);
  rows.set('a', 'SIGNED');
  await clock.pass(200);
  rows.clear();
  await clock.pass(200);
  await clock.pass(200);
  expect((await one).status).toBe('SIGNED');
});

it('lets go when the client leaves, and of everybody at a shutdown', async () => {
  const { waiters, clock } = waitersOver(new Map([['a', 'RESERVED']]));
  const client = new AbortController();
  const left = waiters.wait(viewOf('a', 'RESERVED'), 'COMPLETED', 60_000, client.signal);
  const rest = [1, 2].map(() => waiters.wait(viewOf('a', 'RESERVED'), 'COMPLETED', 60_000, never));
  client.abort();
  expect((await left).status).toBe('RESERVED');
  waiters.releaseAll();
  expect(await Promise.all(rest)).toHaveLength(2);
  await clock.pass(200);
  expect(clock.sleeping).toBe(0);
});
