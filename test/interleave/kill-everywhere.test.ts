import { describe, expect, it } from 'vitest';
import { testDatabases } from '../support/postgres.ts';
import { tornEnd } from '../support/steps/plants.ts';
import type { Verdict } from '../support/steps/points/actor.ts';
import { Road } from '../support/steps/road.ts';
import { movingScenarios, SCENARIOS, type Scenario, scenarioOf } from './scenarios.ts';
import { type Tries, tryEverywhere } from './tries.ts';

/** Killed at each point; in full, each also fails, and happens and is not answered. */
const FULL = process.env['PAYONCE_PROOF'] === 'full';
const VERDICTS: readonly Verdict[] = FULL ? ['kill', 'lose', 'fail'] : ['kill'];
/** In full each death ends its sessions; else those of one scenario, and the others are rolled back as the server would. */
const ENDINGS = FULL ? 'end sessions' : 'roll back';
const TIMEOUT_MS = FULL ? 3_600_000 : 600_000;

describe('a kill at every await of the road, one by one', { timeout: TIMEOUT_MS }, () => {
  async function tryOn(
    scenario: string | Scenario,
    options: Parameters<typeof Road.open>[1],
  ): Promise<Tries> {
    const own = await testDatabases();
    const road = await Road.open(own, options);
    const whole = typeof scenario === 'string' ? scenarioOf(scenario, road.tenantId) : scenario;
    try {
      return await tryEverywhere(road, whole, () => VERDICTS);
    } finally {
      await road.close();
      await own.drop();
    }
  }
  const tell = (name: string, { places, tries }: Tries) => {
    const steps = new Map(places.map(({ act, step }) => [act, step]));
    const counted = [...steps].map(
      ([act, step]) => `${step} ${places.filter((place) => place.act === act).length}`,
    );
    console.log(`${name}: ${places.length} points, ${tries} tries (${counted.join(', ')})`);
  };

  it.each(SCENARIOS)('leaves a withdrawal that is %s as if nothing had been', async (name) => {
    const endings = name === 'cancelled before a slot' ? 'end sessions' : ENDINGS;
    const tries = await tryOn(name, { endings });
    tell(name, tries);
    expect(tries.broken).toEqual([]);
  });

  it.each(movingScenarios())('leaves $name as if nothing had been', async (scenario) => {
    const tries = await tryOn(scenario, { treasury: true, endings: ENDINGS });
    tell(scenario.name, tries);
    expect(tries.broken).toEqual([]);
  });

  it('finds an end that is written in two transactions, and only where they part', async () => {
    const { broken } = await tryOn('expired with a slot', { bend: tornEnd, endings: ENDINGS });
    expect(new Set(broken.map((line) => line.split(':')[1]?.split('#')[0]))).toEqual(
      new Set(VERDICTS.map((verdict) => ` ${verdict} at withdrawal.expire`)),
    );
  });
});
