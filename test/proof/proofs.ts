import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/base/db/index.ts';
import { chainBehind } from './chain-behind.ts';
import { kills } from './kills.ts';
import { outages } from './outages.ts';
import type { Proof, ProofContext, ProofResult } from './proof.ts';
import { resumption } from './resume.ts';
import { twoWorkers } from './two-workers.ts';

/** Name, file and sentence of proofs that are tests. */
const TESTS: readonly [string, string, string][] = [
  ['outage-tests', 'test/e2e/outage.test.ts', 'every wire lost alone, COMMITs without answers too'],
  [
    'lost-answers-tests',
    'test/e2e/lost-answers.test.ts',
    'a node that takes sends and whose answers are lost is paid through once',
  ],
  [
    'reorg-tests',
    'test/e2e/reorg.test.ts',
    'a reorg puts payments back by the same bytes, one below what is final halts the chain',
  ],
  [
    'faulty-mirrors-tests',
    'test/e2e/faulty-mirrors.test.ts',
    'three nodes that lose, refuse, lag and lie, of which two must agree, pay every recipient once and complete nothing falsely',
  ],
  [
    'storm-tests',
    'test/e2e/storm.test.ts',
    'reorgs of 1 to 20 blocks, lost pools and fees above the cap under load, and one below what is final, pay once',
  ],
  [
    'cancel-race-tests',
    'test/e2e/cancel-race.test.ts',
    'a cancel that races its payment 200 times ends in exactly one of paid and released',
  ],
  [
    'handshake-tests',
    'test/e2e/handshake.test.ts',
    'a database put back to an older copy stops signing by itself, and nobody is paid twice',
  ],
  [
    'kill-everywhere-tests',
    'test/interleave/kill-everywhere.test.ts',
    'a kill, a failure and a lost answer at every await of the road, one by one, pays once',
  ],
  [
    'races-tests',
    'test/interleave/races.test.ts',
    '10,000 interleavings of cancel, expiry and claim, and 2,000 each of settle and reorg and of two workers, keep every law',
  ],
  [
    'paying-tests',
    'test/interleave/paying.test.ts',
    'a kill, a failure and a lost answer at every await of payments, refunds and gateway calls pays once and serves once or pays back; two that settle one payment are never told no',
  ],
  [
    'payments-sim-tests',
    'test/sim/payments/payments.test.ts',
    '3,000 seeded lives of x402 payments with faults are paid once, told truly and end as the chain has it',
  ],
  [
    'verify-tests',
    'test/verify/plants.test.ts',
    'verify names every violation that is planted, law by law',
  ],
];

/** Every proof of `npm run proof`, in the order of the table. A file of tests is one line above. */
export const PROOFS: readonly Proof[] = [
  kills,
  twoWorkers,
  outages,
  chainBehind,
  resumption,
  ...TESTS.map(([name, file, sentence]): Proof => {
    return { name, sentence, short: null, full: (context) => runTests(file, context) };
  }),
];

type VitestReport = {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: {
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
};

/** What tests say of how much they did: `name: … runs …`. */
function countsIn(text: string): string[] {
  return text.split('\n').filter((line) => /: .*\b\d+ (runs|tries)\b/.test(line));
}

/** `npm test` runs their short form, this their full one, which they choose by PAYONCE_PROOF=full. */
async function runTests(file: string, { seed, signal }: ProofContext): Promise<ProofResult> {
  if (!existsSync(join(projectRoot(), file))) throw new Error(`${file} does not exist`);
  const folder = mkdtempSync(join(tmpdir(), 'payonce-proof-'));
  try {
    const output = join(folder, 'vitest.json');
    const { report, told } = await vitest(file, output, { seed, signal });
    const failed = report.testResults.flatMap(({ message, assertionResults }) => [
      ...(message === '' ? [] : [message]),
      ...assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join(' ')}`),
    ]);
    const { numPassedTests, numFailedTests, numFailedTestSuites } = report;
    const bad = numFailedTests + numFailedTestSuites;
    const none = numPassedTests === 0 ? ['no test was run'] : [];
    return {
      done: `${numPassedTests} tests passed, ${numFailedTests} failed`,
      faults: {},
      ...{ payments: 0, once: 0, twice: 0, missing: 0, openReserves: 0 },
      broken: bad === 0 ? none : failed.map((line) => line.slice(0, 600)),
      targets: [],
      notes: [`of ${file}`, ...told],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function vitest(
  file: string,
  output: string,
  { seed, signal }: Pick<ProofContext, 'seed' | 'signal'>,
): Promise<{ report: VitestReport; told: string[] }> {
  const program = join(projectRoot(), 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    ...[program, 'run', file, '--reporter=json', `--outputFile=${output}`],
    '--disableConsoleIntercept',
  ];
  const env = { ...process.env, PAYONCE_PROOF: 'full', PAYONCE_SEED: String(seed) };
  return new Promise((done, fail) => {
    const options = { cwd: projectRoot(), env, maxBuffer: 2 ** 28, signal };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      // Failed tests make it end with 1; the report tells which.
      if (existsSync(output)) {
        const report = JSON.parse(readFileSync(output, 'utf8')) as VitestReport;
        done({ report, told: countsIn(stdout) });
      } else fail(new Error(`${file} did not run: ${error?.message ?? ''} ${stdout}${stderr}`));
    });
  });
}
