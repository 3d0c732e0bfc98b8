import { simulateSeeds } from './run.ts';

simulateSeeds({ from: 331, count: 330 });
