import type { Road } from '../support/steps/road.ts';
import { verifyBreaks } from './books-laws.ts';
import { live } from './life.ts';
import { type Script, scriptOf } from './script.ts';
import { shrink } from './shrink.ts';

type Failure = {
  seed: number;
  broken: string[];
  /** As few actions as still go wrong, and how they do. */
  short: Script;
  shortBroken: string[];
};

/** Lives whose end verify itself looks at, journal and all; a tenth of a second each. */
const VERIFY_EVERY = 20;

/** Lives the scripts of `count` seeds from `from` on, up to the first that goes wrong. */
export async function simulate(
  road: Road,
  { from, count, tell }: { from: number; count: number; tell?: (lives: number) => void },
): Promise<Failure | null> {
  for (let seed = from; seed < from + count; seed += 1) {
    const script = scriptOf(seed);
    const broken = await live(road, script);
    if (seed % VERIFY_EVERY === 0) broken.push(...(await verifyBreaks(road)));
    tell?.(seed + 1 - from);
    if (broken.length === 0) continue;
    const short = await shrink(script, async (some) => (await live(road, some)).length > 0);
    return { seed, broken, short, shortBroken: await live(road, short) };
  }
  return null;
}

/** What a person needs to see it again. */
export function textOf(failure: Failure): string {
  const { seed, broken, short, shortBroken } = failure;
  const lines = short.actions.map(({ do: what, ...rest }) => `  ${what} ${JSON.stringify(rest)}`);
  return [
    `seed ${seed} goes wrong; again: npm run sim -- --seeds 1 --from ${seed}`,
    ...broken.map((line) => `  ${line}`),
    `so does this, on ${short.lanes} lanes:`,
    ...lines,
    ...shortBroken.map((line) => `  ${line}`),
  ].join('\n');
}
