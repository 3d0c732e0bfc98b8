import { simulateSeeds } from './run.ts';

const { PAYONCE_SIM_SEEDS: seeds = '340', PAYONCE_SIM_FROM: from = '661' } = process.env;

// The last third of the thousand. Seeds that nobody has seen are for `npm run sim`, and one that fails there gets a test.
simulateSeeds({ from: Number(from), count: Number(seeds) });
