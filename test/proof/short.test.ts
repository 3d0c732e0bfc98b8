import { afterAll, describe, expect, it } from 'vitest';
import { stopLocalInstallations } from '../support/processes.ts';
import { faultsOf, randomOf, readSeed } from './proof.ts';
import { PROOFS } from './proofs.ts';

const seed = readSeed();
console.log(`short proofs: PAYONCE_SEED=${seed}`);
afterAll(stopLocalInstallations);

const short = PROOFS.flatMap(({ name, sentence, short }) =>
  short === null ? [] : [[`${name}: ${sentence}`, short] as const],
);

describe('a short proof', () => {
  it.each(short)('%s', { timeout: 600_000 }, async (_title, prove) => {
    const told: string[] = [];
    const context = {
      seed,
      random: randomOf(seed),
      say: (line: string) => told.push(line),
      signal: new AbortController().signal,
    };
    const result = await prove(context).catch((error: Error) => {
      throw new Error(`seed ${seed}: ${error.message}\n${told.join('\n')}`, { cause: error });
    });
    expect(faultsOf(result), `seed ${seed}\n${told.join('\n')}`).toEqual([]);
    expect(result.once).toBeGreaterThan(0);
  });
});
