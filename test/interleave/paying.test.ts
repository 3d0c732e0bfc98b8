import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases } from '../support/postgres.ts';
import type { Verdict } from '../support/steps/points/actor.ts';
import { seedOfRun } from '../support/steps/random.ts';
import { Road } from '../support/steps/road.ts';
import { openShop } from '../support/x402/paying.ts';
import { Upstream } from '../support/x402/upstream.ts';
import { payingScenarios, settlingTwice } from './paying.ts';
import { runRace } from './race.ts';
import { tryEverywhere } from './tries.ts';

/** Killed at each point; in full, each also fails, and happens and is not answered. */
const FULL = process.env['PAYONCE_PROOF'] === 'full';
const VERDICTS: readonly Verdict[] = FULL ? ['kill', 'lose', 'fail'] : ['kill'];
/** In full each death ends its sessions; else those of one scenario, and the others are rolled back as the server would. */
const endingsOf = (name: string) =>
  FULL || name === 'a payment that is refunded' ? 'end sessions' : 'roll back';
const NAMES = [
  'a payment that is settled',
  'a payment that is charged less than was signed',
  'a payment that is refunded',
  'a request at the gateway',
  'a request whose payer does not come again',
  ...(FULL ? ['a request that is charged by its answer'] : []),
  'a request that is charged by its answer, whose payer does not come again',
];

let upstream: Upstream;
beforeAll(async () => {
  upstream = await Upstream.open();
});
afterAll(() => upstream?.close());

describe('a kill at every await of a payment’s road', {
  timeout: FULL ? 3_600_000 : 600_000,
}, () => {
  it.each(NAMES)('leaves %s as if nothing had been', async (name) => {
    const own = await testDatabases();
    const road = await Road.open(own, { endings: endingsOf(name) });
    try {
      const merchant = await openShop(road);
      const scenario = payingScenarios({ merchant, upstream, shared: FULL }).find(
        (one) => one.name === name,
      )!;
      const { places, tries, broken } = await tryEverywhere(road, scenario, () => VERDICTS);
      console.log(`${name}: ${places.length} points, ${tries} tries`);
      expect(broken).toEqual([]);
    } finally {
      await road.close();
      await own.drop();
    }
  });
});

describe('two processes that settle one payment', { timeout: FULL ? 3_600_000 : 600_000 }, () => {
  const seed = seedOfRun();
  async function meet(blind: boolean, length: { runs: number; withinMs?: number }) {
    const databases = await testDatabases();
    const road = await Road.open(databases, { warm: true, endings: 'roll back' });
    try {
      const raced = await runRace(road, settlingTwice(blind), { seed, ...length });
      console.log(`settled twice: seed ${seed}, ${raced.runs} runs, ${raced.orders} orders`);
      return raced.broken;
    } finally {
      await road.close();
      await databases.drop();
    }
  }

  it('never tell it as refused while the other one moves the money', async () => {
    const length = FULL ? { runs: 2_000 } : { runs: 1_000, withinMs: 10_000 };
    expect(await meet(false, length)).toEqual([]);
  });

  it('would, if they did not look again', async () => {
    expect(await meet(true, { runs: 300 })).not.toEqual([]);
  });
});
