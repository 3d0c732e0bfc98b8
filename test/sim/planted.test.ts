import { describe, expect, it } from 'vitest';
import { testDatabases } from '../support/postgres.ts';
import { noOrphans, noResend, type Plant } from '../support/steps/plants.ts';
import { Road } from '../support/steps/road.ts';
import { live } from './life.ts';
import { simulate, textOf } from './simulation.ts';

const PLANTED: [string, Plant, number?][] = [
  ['bytes that were lost are neither sent again nor outbid', noResend],
  ['a reorg takes nothing back', noOrphans],
  ['the word of one node of three is enough', (wires) => wires, 1],
];

describe('the simulation', () => {
  it.each(PLANTED)(
    'finds, shrinks and repeats it: %s',
    { timeout: 300_000 },
    async (_, plant, needed = 2) => {
      const databases = await testDatabases();
      const road = await Road.open(databases, {
        ...{ lanes: 3, warm: true, endings: 'roll back', needed },
        bend: plant,
      });
      try {
        const failure = await simulate(road, { from: 1, count: 300 });
        expect(failure).not.toBeNull();
        console.log(textOf(failure!));
        expect(failure!.short.actions.length).toBeLessThan(8);
        expect(await live(road, failure!.short)).not.toEqual([]);
      } finally {
        await road.close();
        await databases.drop();
      }
    },
  );
});
