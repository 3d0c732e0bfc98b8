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
  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ until: this.#at + ms, wake }));
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

const rowOf = (status: PaymentState) =>
  ({ id: 'a', status, tx: null, paid: null, head: null }) as PaymentRow;

function waitersOver() {
  const state = { head: 'one', status: 'RESERVED' as PaymentState, reads: 0 };
  const clock = new HandClock();
  const waiters = new PaymentWaiters({
    clock,
    heads: async () => state.head,
    read: async () => {
      state.reads += 1;
      return new Map([['a', rowOf(state.status)]]);
    },
  });
  const wait = (waitMs: number) =>
    waiters.wait(rowOf('RESERVED'), { waitMs, until: ({ kind }) => kind === 'failed' });
  return { state, clock, wait };
}

it('payments are read when a head has moved, and twice a second', async () => {
  const { state, clock, wait } = waitersOver();
  const waited = wait(60_000);
  await clock.pass(100);
  expect(state.reads).toBe(1);
  for (let n = 0; n < 4; n += 1) await clock.pass(100);
  expect(state.reads).toBe(1);
  state.head = 'two';
  await clock.pass(100);
  expect(state.reads).toBe(2);
  for (let n = 0; n < 5; n += 1) await clock.pass(100);
  expect(state.reads).toBe(3);
  state.status = 'EXPIRED';
  state.head = 'three';
  await clock.pass(100);
  expect((await waited).status).toBe('EXPIRED');
});

it('who waited to the end has the payment as it was read last', async () => {
  const { clock, wait } = waitersOver();
  const waited = wait(150);
  await clock.pass(100);
  await clock.pass(100);
  expect((await waited).status).toBe('RESERVED');
});
