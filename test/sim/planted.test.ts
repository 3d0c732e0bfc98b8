import { describe, expect, it } from 'vitest';
import { testDatabases } from '../support/postgres.ts';
import { hastyReplaced, noOrphans, noResend, type Plant } from '../support/steps/plants.ts';
import { Road } from '../support/steps/road.ts';
import { live } from './life.ts';
import type { Action } from './script.ts';
import { simulate, textOf } from './simulation.ts';

const PLANTED: [string, Plant, number?][] = [
  ['bytes that were lost are neither sent again nor outbid', noResend],
  ['a reorg takes nothing back', noOrphans],
  ['the word of one node of three is enough', (wires) => wires, 1],
];

/** Its bytes reach the chain after a reorg has taken back what had taken their nonce: too rare to wait for by seeds. */
const GIVEN_BACK: Action[] = [
  { do: 'node', method: 'send', fault: { kind: 'lost', delivered: 'late' } },
  {
    ...{ do: 'request', n: 0 },
    request: { account: 'alice', asset: 'USDC', amount: '100', expires: false },
  },
  { do: 'work', passes: 6 },
  { do: 'foreign', use: { lane: 0, ahead: 0, what: 'coin', by: 'block' } },
  { do: 'observe' },
  // Counted one block later, and judged in the round after that.
  { do: 'mine', blocks: 1 },
  { do: 'mine', blocks: 1 },
  { do: 'work', passes: 2 },
  {
    ...{ do: 'reorg', mine: 0, settle: false, depth: 3 },
    ...{ transactions: 'none', toPool: false },
  },
  { do: 'late' },
  { do: 'mine', blocks: 1 },
];

describe('the simulation', () => {
  it.each<[string, Plant, boolean]>([
    ['pays once what somebody else had taken the nonce of for a while', (wires) => wires, true],
    ['finds that such a payment was released before that was final', hastyReplaced, false],
  ])('%s', { timeout: 120_000 }, async (_, bend, right) => {
    const databases = await testDatabases();
    const options = { lanes: 1, warm: true, endings: 'roll back', needed: 2, bend } as const;
    const road = await Road.open(databases, options);
    try {
      const broken = await live(road, { seed: 1, lanes: 1, actions: GIVEN_BACK });
      const lost = broken.filter((line) => line.includes('request 0: [100000000] arrived'));
      expect([broken.length === 0, lost.length > 0]).toEqual([right, !right]);
    } finally {
      await road.close();
      await databases.drop();
    }
  });

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
