import { spreadOf } from './measure.ts';
import type { PolicyResult, PolicyRun } from './policy.ts';
import { columns, ms, number, spread } from './table.ts';

type Found = [what: string, wanted: number, found: number, most?: 'most'];

/** Medians against what is wanted: less than 30 % below, and what a document adds to a step of 500. */
export function policyTargets({ runs, filled }: PolicyResult): Found[] {
  const of = (pick: (run: PolicyResult['runs'][number]) => number) =>
    spreadOf(runs.map(pick)).median;
  return [
    [
      'policy, % of the throughput without one',
      70,
      of(({ tiers, document }) => (100 * document.perSecond) / tiers.perSecond),
    ],
    ['policy, decisions of 500, p99 ms', 20, of(({ document }) => document.decisionMs.p99), 'most'],
    [
      `policy, CPU after ${number(filled.entries)} entries, % of before`,
      110,
      (100 * filled.document.cpuMicros) / of(({ document }) => document.cpuMicros),
      'most',
    ],
  ];
}

export function policyTable({ rules, runs, filled }: PolicyResult): string[] {
  const row = (what: string, all: readonly PolicyRun[]) => {
    const of = (part: (run: PolicyRun) => number) => spreadOf(all.map(part));
    return [
      what,
      spread(of((run) => run.perSecond)),
      number(of((run) => run.cpuMicros).median),
      ms(of((run) => run.batchMs.p50).median),
      ms(of((run) => run.batchMs.p99).median),
      ms(of((run) => run.decisionMs.p99).median),
    ];
  };
  const head = ['validations/s', 'CPU µs each', 'ms of 500 p50', 'p99', 'deciding p99'];
  return columns([
    ['POLICY (validation alone, one worker)', ...head],
    row(
      "the configuration's tiers",
      runs.map(({ tiers }) => tiers),
    ),
    row(
      `a document of ${rules} rules`,
      runs.map(({ document }) => document),
    ),
    row(`after ${number(filled.entries)} entries`, [filled.document]),
  ]);
}
