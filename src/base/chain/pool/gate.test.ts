import { expect, it } from 'vitest';
import { type Clock, Transient } from '../../kernel/index.ts';
import { Gate } from './gate.ts';

/** Time passes when somebody sleeps, and only then. */
class PassingClock implements Clock {
  ms = 0;
  now = () => this.ms;
  monotonic = () => this.ms;
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
  }
}

const gate = (clock: Clock, options: { rate?: number; burst?: number; places?: number }) =>
  new Gate({
    name: 'node',
    requestsPerSecond: options.rate ?? null,
    burst: options.burst ?? options.rate ?? Number.POSITIVE_INFINITY,
    maxConcurrent: options.places ?? 100,
    clock,
  });

it('lets a burst pass and then so many calls a second', async () => {
  const clock = new PassingClock();
  const limited = gate(clock, { rate: 10, burst: 5 });
  for (let call = 0; call < 5; call += 1) (await limited.enter(1))();
  expect(clock.ms).toBe(0);
  expect(limited.free).toBe(false);
  (await limited.enter(1))();
  expect(clock.ms).toBe(100);
  (await limited.enter(5))();
  expect(clock.ms).toBe(600);
  clock.ms += 10_000;
  expect(limited.free).toBe(true);
  (await limited.enter(5))();
  expect(clock.ms).toBe(10_600);
});

it('turns away what would wait longer than ten seconds, and takes no token for it', async () => {
  const clock = new PassingClock();
  const limited = gate(clock, { rate: 1, burst: 1 });
  (await limited.enter(1))();
  await expect(limited.enter(100)).rejects.toThrow(Transient);
  await expect(limited.enter(100)).rejects.toThrow('node: its 1 calls a second are spent');
  (await limited.enter(1))();
  expect(clock.ms).toBe(1_000);
});

it('has so many places, hands them on in order, and turns away a queue that grows', async () => {
  const limited = gate(new PassingClock(), { places: 1 });
  const order: number[] = [];
  const leave = await limited.enter(1);
  expect(limited.free).toBe(false);
  const waiting = Array.from({ length: 8 }, async (_, index) => {
    const done = await limited.enter(1);
    order.push(index);
    done();
  });
  await expect(limited.enter(1)).rejects.toThrow('node: 8 requests wait for it');
  leave();
  await Promise.all(waiting);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(limited.free).toBe(true);
});
