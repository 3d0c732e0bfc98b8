import { simulateSeeds } from './run.ts';

// A thousand lives are three files, so that none takes a minute: this, further-seeds and simulation.
simulateSeeds({ from: 1, count: 330 });
