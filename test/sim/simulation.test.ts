import { seedOfRun } from '../support/steps/random.ts';
import { simulateSeeds } from './run.ts';

const { PAYONCE_SIM_SEEDS: seeds = '340', PAYONCE_SIM_FROM: from } = process.env;

// Others than the files beside it have, and others each time, unless told: what fails prints its seed.
simulateSeeds({
  from: from === undefined ? 1_000 + seedOfRun() : Number(from),
  count: Number(seeds),
});
