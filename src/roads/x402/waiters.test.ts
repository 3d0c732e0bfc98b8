import { expect, it } from 'vitest';
import type { Clock, PaymentState } from '../../base/kernel/index.ts';
import type { PaymentRow } from './payment/rows.ts';
import { PaymentWaiters } from './waiters.ts';

/** Time passes when the test says so. */
class HandClock implements Clock {
  #at = 0;
  #sleepers: { until: number; wake(): void }[] = [];

  now = () => this.#at;
  monotonic = () => this.#at;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ until: this.#at + ms, wake });
      signal?.addEventListener('abort', () => wake());
    });
  }

  async pass(ms: number): Promise<void> {
    this.#at += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.#at);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#at);
    for (const { wake } of due) wake();
    // Lets what was woken run to its next rest.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const rowOf = (status: PaymentState, tx: PaymentRow['tx'] = null) =>
  ({ id: 'a', status, method: 'eip3009', tx, paid: null, head: null }) as PaymentRow;

const INCLUDED = { status: 'INCLUDED' } as NonNullable<PaymentRow['tx']>;

function waitersOver() {
  const state = {
    head: 'one',
    status: 'RESERVED' as PaymentState,
    reads: 0,
    looks: 0,
    lost: false,
    tx: null as PaymentRow['tx'],
  };
  const clock = new HandClock();
  const waiters = new PaymentWaiters({
    clock,
    heads: async () => state.head,
    moved: async (seen) => {
      state.looks += 1;
      return [...seen].flatMap(([id, { status }]) => (status === state.status ? [] : [id]));
    },
    read: async () => {
      state.reads += 1;
      if (state.lost) throw new Error('the database is away');
      return new Map([['a', rowOf(state.status, state.tx)]]);
    },
  });
  const wait = (waitMs: number) =>
    waiters.wait(rowOf('RESERVED', state.tx), { waitMs, until: ({ kind }) => kind === 'failed' });
  return { state, clock, wait, wake: () => waiters.wake() };
}

const passed = async (clock: HandClock, times: number) => {
  for (let n = 0; n < times; n += 1) await clock.pass(100);
};

it('payments that a block holds are read when a head has moved', async () => {
  const { state, clock, wait } = waitersOver();
  state.tx = INCLUDED;
  const waited = wait(60_000);
  await passed(clock, 1);
  expect(state.reads).toBe(1);
  await passed(clock, 20);
  expect(state.reads).toBe(1);
  state.head = 'two';
  await passed(clock, 1);
  expect(state.reads).toBe(2);
  Object.assign(state, { head: 'three', status: 'EXPIRED' });
  await passed(clock, 1);
  expect((await waited).status).toBe('EXPIRED');
  expect(state.reads).toBe(3);
});

it('who hears of a new head has it looked at before the next tick', async () => {
  const { state, clock, wait, wake } = waitersOver();
  state.tx = INCLUDED;
  const waited = wait(60_000);
  await passed(clock, 1);
  Object.assign(state, { head: 'two', status: 'EXPIRED' });
  await clock.pass(0);
  expect(state.reads).toBe(1);
  wake();
  await clock.pass(0);
  expect((await waited).status).toBe('EXPIRED');
  expect(state.reads).toBe(2);
});

it('of others it is looked at a head, and twice a second, whether they have moved', async () => {
  const { state, clock, wait } = waitersOver();
  const waited = wait(60_000);
  await passed(clock, 11);
  expect(state).toMatchObject({ reads: 0, looks: 3 });
  state.head = 'two';
  await passed(clock, 1);
  expect(state).toMatchObject({ reads: 0, looks: 4 });
  state.status = 'EXPIRED';
  await passed(clock, 5);
  expect((await waited).status).toBe('EXPIRED');
  expect(state).toMatchObject({ reads: 1, looks: 5 });
});

it('what could not be read when a head had moved is read at the next look', async () => {
  const { state, clock, wait } = waitersOver();
  state.tx = INCLUDED;
  const waited = wait(60_000);
  await passed(clock, 1);
  Object.assign(state, { lost: true, head: 'two', status: 'EXPIRED' });
  await passed(clock, 1);
  state.lost = false;
  await passed(clock, 1);
  expect((await waited).status).toBe('EXPIRED');
  expect(state.reads).toBe(3);
});

it('who waited to the end has the payment as it was read last', async () => {
  const { clock, wait } = waitersOver();
  const waited = wait(150);
  await clock.pass(100);
  await clock.pass(100);
  expect((await waited).status).toBe('RESERVED');
});
