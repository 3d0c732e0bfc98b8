import { describe, expect, it } from 'vitest';
import { testDatabases } from '../support/postgres.ts';
import { seedOfRun } from '../support/steps/random.ts';
import { Road } from '../support/steps/road.ts';
import { type Race, type Raced, runRace } from './race.ts';
import { ENDINGS, PLANTED, SETTLINGS, WORKERS } from './races.ts';
import { REPLACING } from './replacing.ts';

const FULL = process.env['PAYONCE_PROOF'] === 'full';
/** In full so many runs of a kind of race; else as many as fit. */
const RUNS = { endings: 10_000, others: 2_000 };
const SHORT_MS = 12_000;
const TIMEOUT_MS = FULL ? 3_600_000 : 600_000;

describe('steps that meet, interleaved at every await', { timeout: TIMEOUT_MS }, () => {
  const seed = seedOfRun();

  /** How long one of so many races of a kind is run. */
  const among = (races: readonly Race[], runs = RUNS.others) => ({
    runs: Math.ceil(runs / races.length),
    ...(FULL ? {} : { withinMs: SHORT_MS / races.length }),
  });

  /** On an installation of its own, since each race keeps another moment. */
  async function hold(race: Race, length: { runs: number; withinMs?: number }): Promise<Raced> {
    const databases = await testDatabases();
    const road = await Road.open(databases, { warm: true, endings: 'roll back' });
    try {
      const raced = await runRace(road, race, { seed, ...length });
      const { runs, orders, ends, blocks } = raced;
      console.log(
        `${race.name}: seed ${seed}, ${runs} runs, ${orders} orders, ${ends} ends, ${blocks} waits for a lock`,
      );
      return raced;
    } finally {
      await road.close();
      await databases.drop();
    }
  }

  it.each(ENDINGS)('$name: never a release and a journal entry for one intent', async (race) => {
    expect((await hold(race, among(ENDINGS, RUNS.endings))).broken).toEqual([]);
  });

  it.each(SETTLINGS)('$name: completed is only what is canonical', async (race) => {
    expect((await hold(race, among(SETTLINGS))).broken).toEqual([]);
  });

  it.each(WORKERS)('$name: one slot each, and nothing is paid twice', async (race) => {
    expect((await hold(race, among(WORKERS))).broken).toEqual([]);
  });

  it.each(REPLACING)(
    '$name: paid or released, and every reserve for gas is booked',
    async (race) => {
      expect((await hold(race, among(REPLACING))).broken).toEqual([]);
    },
  );

  it('go the same way again for the same seed', async () => {
    const [, prepare] = ENDINGS;
    const once = await hold(prepare!, { runs: 12 });
    const again = await hold(prepare!, { runs: 12 });
    expect(again.traces).toEqual(once.traces);
    // Two of them may meet in the same order by chance.
    expect(once.orders).toBeGreaterThan(6);
  });

  it.each(PLANTED)('$name: a planted fault is found', async (race) => {
    expect((await hold(race, { runs: 300 })).broken).not.toEqual([]);
  });
});
