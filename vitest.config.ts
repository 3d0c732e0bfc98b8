import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What runs longest, in that order: last, one worker would be left alone with it. */
const LONGEST = [
  'test/interleave/kill-everywhere.test.ts',
  'test/proof/short.test.ts',
  'test/interleave/paying.test.ts',
  'test/e2e/foreign-payment.test.ts',
  'test/interleave/races.test.ts',
  'test/e2e/x402/custodial.test.ts',
  'test/sim/simulation.test.ts',
  'test/sim/known-seeds.test.ts',
  'test/sim/further-seeds.test.ts',
  'test/sim/planted.test.ts',
  'test/e2e/',
  'test/sim/',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.includes(name));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // What is waited for is told by until() before that; a machine of a tenth of the usual pace is in time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 90_000 } },
    pool: 'forks',
    // One more than the least machine has processors: much of what runs waits for blocks.
    maxWorkers: 3,
    retry: 0,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts', 'src/**/*.fixture.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 80 },
    },
  },
});
