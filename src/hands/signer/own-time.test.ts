import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Clock, silentLog, systemClock } from '../../base/kernel/index.ts';
import { OwnTime } from './own-time.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

class TurnedClock implements Clock {
  offMs = 0;
  elapsedMs = 0;
  now = () => Date.now() + this.offMs;
  monotonic = () => this.elapsedMs;
  sleep = systemClock.sleep;
}

describe("the signer's own time", () => {
  it.each([
    [3_600_000, 'ahead of'],
    [-3_600_000, 'behind'],
  ])('is not known while its clock is %d ms off, and that is told once', async (offMs, word) => {
    const clock = new TurnedClock();
    clock.offMs = offMs;
    const told: string[] = [];
    const time = new OwnTime({
      ...{ main: at.app, journal: at.owner, clock, log: silentLog },
      tell: (message) => told.push(message),
    });
    const expected = new RegExp(
      `clock is 3\\d\\d\\d s ${word} the main database and 3\\d\\d\\d s ${word} the journal's database`,
    );
    expect(await time.now()).toEqual({ fault: expect.stringMatching(expected) });
    expect(await time.now()).toEqual({ fault: expect.stringMatching(expected) });
    expect(told).toHaveLength(1);
    clock.offMs = 0;
    expect(await time.now()).toEqual({ ms: expect.any(Number) });
  });

  it('is looked at again after a minute', async () => {
    const clock = new TurnedClock();
    const time = new OwnTime({
      ...{ main: at.app, journal: at.owner, clock, log: silentLog },
      tell: () => {},
    });
    expect(await time.now()).toEqual({ ms: expect.any(Number) });
    clock.offMs = 3_600_000;
    expect(await time.now()).toEqual({ ms: expect.any(Number) });
    clock.elapsedMs = 60_000;
    expect(await time.now()).toEqual({ fault: expect.any(String) });
  });
});
