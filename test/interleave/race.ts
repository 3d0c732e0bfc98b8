import type { FakeChain } from '../support/fake-chain/index.ts';
import { finish } from '../support/steps/finish.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import type { Chooser, Step } from '../support/steps/points/scheduler.ts';
import { Random } from '../support/steps/random.ts';
import type { Road } from '../support/steps/road.ts';

export type Race = {
  name: string;
  /** Takes a new installation to the moment before the race; answers what a new chain has to go through for it. */
  prepare(road: Road): Promise<((chain: FakeChain) => void) | null>;
  /** The steps that meet; may set the scene by what the seed says. */
  steps(road: Road, random: Random): Promise<Step[]>;
  /** What must hold beside the laws, at once and when all has come to rest. */
  judge(road: Road, atRest: boolean): Promise<string[]>;
  /** What must hold from commit to commit: called behind each, with what it found so far. */
  watch?(road: Road): (found: string[]) => Promise<void>;
  /** Chance that one of the steps is killed on its way. */
  kills?: number;
  /** Chance that it is run with the steps in long stretches; half of the runs unless told otherwise. */
  stretches?: number;
};

export type Raced = {
  runs: number;
  /** How many of the runs went differently, and how many ways it ended. */
  orders: number;
  ends: number;
  /** Times that a step had to wait for another's lock. */
  blocks: number;
  /** What happened in each run, in its order; only the last hundred. */
  traces: string[][];
  broken: string[];
};

/**
 * Lets the steps of a race meet again and again, interleaved by seed, seed + 1 and so on, until `runs` are
 * done or the time is over. Ends at the first break; its seed alone gives the same run again.
 */
export async function runRace(
  road: Road,
  race: Race,
  { seed, runs, withinMs }: { seed: number; runs: number; withinMs?: number },
): Promise<Raced> {
  const begun = performance.now();
  const orders = new Set<string>();
  const ends = new Set<string>();
  const raced: Raced = { runs: 0, orders: 0, ends: 0, blocks: 0, traces: [], broken: [] };
  const replay = await race.prepare(road);
  // Leases of who prepared it are over.
  await road.clock.elapse(20_000);
  await road.keep(replay);
  while (raced.runs < runs && performance.now() - begun < (withinMs ?? Number.POSITIVE_INFINITY)) {
    const run = await once(road, race, seed + raced.runs, ends);
    raced.runs += 1;
    raced.blocks += run.blocks;
    orders.add(run.trace.join());
    raced.traces = [...raced.traces.slice(-99), run.trace];
    if (run.broken.length === 0) continue;
    const order = run.trace.map((line) => `  ${line}`).join('\n');
    raced.broken.push(`${race.name}, seed ${seed + raced.runs - 1}:\n${order}`, ...run.broken);
    break;
  }
  return { ...raced, orders: orders.size, ends: ends.size };
}

/** Each way in which it ends is followed to its rest once. */
async function once(
  road: Road,
  race: Race,
  seed: number,
  ends: Set<string>,
): Promise<{ trace: string[]; blocks: number; broken: string[] }> {
  const random = new Random(seed);
  await road.reset();
  const steps = await race.steps(road, random);
  const watch = race.watch?.(road);
  const seen: string[] = [];
  const { trace, blocks, ended } = await road.scheduler.run(
    steps,
    chooserOf(random, race),
    async (what) => {
      if (what.endsWith('COMMIT')) await watch?.(seen);
    },
  );
  const now = await brokenLaws(road, false);
  const broken = [...seen, ...now, ...(await race.judge(road, false))];
  const outcomes = [...ended].map(([name, { kind }]) => `${name} ${kind}`).join();
  const end = `${outcomes} ${await endOf(road)}`;
  if (broken.length > 0 || ends.has(end)) return { trace, blocks, broken };
  ends.add(end);
  // On a halted chain a person has the next word.
  if (!end.includes('reorg')) {
    await road.clock.elapse(35_000);
    const rest = await finish(road, await road.start());
    broken.push(...rest);
    broken.push(...(await brokenLaws(road, true)), ...(await race.judge(road, true)));
  }
  return { trace, blocks, broken };
}

/**
 * Any of those that may go on, in stretches mostly the one that went last: what takes a whole step between two
 * points of another is never met by even choices. Now and then one of them dies instead.
 */
function chooserOf(random: Random, { kills = 0, stretches = 0.5 }: Race): Chooser {
  let killAfter = random.chance(kills) ? random.below(40) : -1;
  const steady = random.chance(stretches) ? 0.93 : 0;
  let last = '';
  return (ready) => {
    killAfter -= 1;
    const same = ready.find((gate) => gate.actor === last);
    const gate = same !== undefined && random.chance(steady) ? same : random.pick(ready);
    last = gate.actor;
    return { gate, verdict: killAfter === 0 ? 'kill' : 'go' };
  };
}

/** The state in which it ended, without ids and times. */
async function endOf(road: Road): Promise<string> {
  const { rows } = await road.owner.query<{ state: string }>({
    name: 'end of a race',
    text: `SELECT concat_ws(' ',
      (SELECT string_agg(status, ',' ORDER BY status) FROM withdrawal),
      (SELECT string_agg(status, ',' ORDER BY status) FROM tx),
      (SELECT string_agg(concat(kind, claimed_at IS NOT NULL, cancelled_at IS NOT NULL), ',' ORDER BY 1)
        FROM signature_request),
      (SELECT count(*) FROM signature), (SELECT string_agg(topic, ',' ORDER BY topic) FROM job),
      (SELECT count(*) FROM attempt), (SELECT concat(latest, ' ', halted_reason) FROM chain_head)) AS state`,
  });
  return rows[0]!.state;
}
