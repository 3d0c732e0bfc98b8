import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import { Road } from '../support/steps/road.ts';
import { simulate, textOf } from './simulation.ts';

const TELL_EVERY_MS = 10_000;

/** The test of `count` seeds from `from` on. */
export function simulateSeeds({ from, count }: { from: number; count: number }): void {
  describe('simulated lives of an installation', () => {
    let databases: TestDatabases;
    let road: Road;
    beforeAll(async () => {
      databases = await testDatabases();
      road = await Road.open(databases, {
        lanes: 3,
        warm: true,
        endings: 'roll back',
        needed: 2,
      });
    });
    afterAll(async () => {
      await road?.close();
      await databases?.drop();
    });

    it(`end with every account as arithmetic has it: ${count} from seed ${from}`, {
      timeout: 120_000 + count * 2_000,
    }, async () => {
      const begun = performance.now();
      let told = begun;
      const tell = (lives: number) => {
        const now = performance.now();
        if (now - told < TELL_EVERY_MS && lives < count) return;
        told = now;
        const each = ((now - begun) / lives).toFixed(0);
        console.log(`seeds from ${from}: ${lives} of ${count} lives, ${each} ms each`);
      };
      const failure = await simulate(road, { from, count, tell });
      expect(failure === null ? '' : textOf(failure)).toBe('');
    });
  });
}
