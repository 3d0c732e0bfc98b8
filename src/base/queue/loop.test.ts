import { describe, expect, it } from 'vitest';
import { type Clock, type Log, silentLog } from '../kernel/index.ts';
import { Loop } from './index.ts';

/** Sleeps end when the test says so, or by their signal. */
class TestClock implements Clock {
  readonly sleeps: number[] = [];
  #end = () => {};
  #begun = () => {};

  now = () => 0;
  monotonic = () => 0;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeps.push(ms);
    return new Promise((resolve) => {
      this.#end = resolve;
      if (signal?.aborted) resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
      this.#begun();
    });
  }

  /** Resolves when the loop has begun to rest for the nth time. */
  async rested(times: number): Promise<void> {
    while (this.sleeps.length < times) {
      await new Promise<void>((resolve) => {
        this.#begun = resolve;
      });
    }
  }

  pass(): void {
    this.#end();
  }
}

function loopOf(round: () => Promise<boolean>, log: Log = silentLog, idleMs = 1_000) {
  const clock = new TestClock();
  const loop = new Loop({ name: 'test', idleMs, clock, log, round });
  return { clock, loop };
}

describe('a loop', () => {
  it('goes on at once while there is work, then rests', async () => {
    let left = 3;
    const { clock, loop } = loopOf(async () => {
      left -= 1;
      return left > 0;
    });
    loop.start().start();
    await clock.rested(1);
    expect(left).toBe(0);
    expect(clock.sleeps).toEqual([1_000]);
    clock.pass();
    await clock.rested(2);
    expect(left).toBe(-1);
    await loop.stop();
  });

  it('is woken from its rest, and does not rest when it was woken during the round', async () => {
    let rounds = 0;
    const { clock, loop } = loopOf(async () => {
      rounds += 1;
      if (rounds === 2) loop.wake();
      return false;
    });
    loop.start();
    await clock.rested(1);
    loop.wake();
    await clock.rested(2);
    expect(rounds).toBe(3);
    await loop.stop();
  });

  it('rests before its first round when it is told to, and may be woken from that', async () => {
    let rounds = 0;
    const round = async () => {
      rounds += 1;
      return false;
    };
    const clock = new TestClock();
    const timing = { idleMs: 1_000, firstAfterMs: 300, clock };
    const loop = new Loop({ name: 'test', ...timing, log: silentLog, round });
    loop.start();
    await clock.rested(1);
    expect(rounds).toBe(0);
    loop.wake();
    await clock.rested(2);
    expect(rounds).toBe(1);
    expect(clock.sleeps).toEqual([300, 1_000]);
    await loop.stop();
  });

  it('rests with jitter after an error that nobody can wake it from, and tells each kind once', async () => {
    const told: string[] = [];
    const log: Log = {
      ...silentLog,
      error: (fields) => told.push(`error ${fields['error']}`),
      info: (_, message) => told.push(message),
    };
    const errors = ['down', 'down', 'other', null];
    const { clock, loop } = loopOf(async () => {
      const message = errors.shift();
      if (message) throw new Error(message);
      return false;
    }, log);
    loop.start();
    for (const times of [1, 2, 3]) {
      await clock.rested(times);
      loop.wake();
      expect(clock.sleeps).toHaveLength(times);
      expect(clock.sleeps.at(-1)).toBeGreaterThanOrEqual(1_000);
      clock.pass();
    }
    await clock.rested(4);
    expect(told).toEqual(['error down', 'error other', 'goes on']);
    await loop.stop();
  });

  it('tries again in seconds after an error, however seldom it looks by itself', async () => {
    const failing = async () => {
      throw new Error('no');
    };
    const { clock, loop } = loopOf(failing, silentLog, 3_600_000);
    loop.start();
    await clock.rested(1);
    expect(clock.sleeps).toEqual([5_000]);
    await loop.stop();
  });

  it('stops from its rest, from the rest after an error, and only after the round under way', async () => {
    const resting = loopOf(async () => false);
    resting.loop.start();
    await resting.clock.rested(1);
    await resting.loop.stop();

    const failing = loopOf(async () => {
      throw new Error('no');
    });
    failing.loop.start();
    await failing.clock.rested(1);
    await failing.loop.stop();

    let finish = () => {};
    let done = false;
    const working = loopOf(async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      done = true;
      return true;
    });
    working.loop.start();
    const stopped = working.loop.stop();
    finish();
    await stopped;
    expect(done).toBe(true);
    expect(working.clock.sleeps).toEqual([]);
  });

  it('stops when it was never started', async () => {
    await loopOf(async () => false).loop.stop();
  });
});
