import type { AcceptResult } from './accept.ts';
import type { CallsResult } from './calls.ts';
import type { EndToEndResult, EndToEndRun } from './end-to-end.ts';
import type { IdleResult, IdleRun } from './idle.ts';
import { medians, type Spread, spreadOf } from './measure.ts';
import type { PolicyResult } from './policy.ts';
import { policyTargets } from './policy-table.ts';
import { requestsEach, trackingMs } from './rpc-tables.ts';
import { type SigningResult, signaturesEach } from './signing.ts';
import { DEFAULT_WINDOW } from './stage.ts';
import { number } from './table.ts';
import type { TrackingResult } from './tracking.ts';
import type { X402Result } from './x402/measure.ts';
import { x402Targets } from './x402/table.ts';

type Target = { what: string; wanted: number; found: number; most: boolean; met: boolean };
/** What, wanted, found; `most`: no more than that. */
type Found = [what: string, wanted: number, found: number, most?: 'most'];

/** Null: not measured, or not yet. */
export type Measured = {
  accept: AcceptResult | null;
  policy: PolicyResult | null;
  endToEnd: EndToEndResult | null;
  signing: SigningResult | null;
  calls: CallsResult | null;
  tracking: TrackingResult | null;
  idle: IdleResult | null;
  x402: X402Result | null;
};

/** Medians of the runs against what this stage of the project is to reach. */
export function targetsOf(measured: Measured): Target[] {
  const { accept, policy, endToEnd, signing, calls, tracking, idle, x402 } = measured;
  const found: Found[] = [
    ...(accept === null ? [] : acceptTargets(accept)),
    ...(policy === null ? [] : policyTargets(policy)),
    ...(endToEnd === null ? [] : endToEndTargets(endToEnd)),
    ...(signing === null ? [] : [signingTarget(signing)]),
    ...(calls === null ? [] : [callsTarget(requestsEach(calls).median)]),
    ...(tracking === null ? [] : [trackingTarget(tracking)]),
    ...(idle === null ? [] : idleTargets(idle)),
    ...(x402 === null ? [] : x402Targets(x402)),
  ];
  return found.map(([what, wanted, value, most]) => ({
    what,
    wanted,
    found: value,
    most: most === 'most',
    met: most === 'most' ? value <= wanted : value >= wanted,
  }));
}

function acceptTargets({ cases, ruler }: AcceptResult): Found[] {
  const best = (batch: (size: number) => boolean) =>
    Math.max(
      ...cases
        .filter((item) => batch(item.case.batch) && item.case.ratePerSecond === undefined)
        .map((item) => median(item.runs).median),
    );
  const single = best((size) => size === 1);
  return [
    ['accept, single, withdrawals/s', 8_000, single],
    ['accept, single ÷ ruler 1', 4, single / median(ruler.runs).median],
    ['accept, in batches, withdrawals/s', 15_000, best((size) => size > 1)],
  ];
}

function endToEndTargets({ cases, awaited }: EndToEndResult): Found[] {
  const bursts = cases.filter((item) => item.case.ratePerSecond === null);
  const best = Math.max(...bursts.map((item) => median(item.runs).median));
  const paced = cases.find((item) => item.case.ratePerSecond !== null);
  const p99 = spreadOf((paced?.runs ?? []).map((run) => run.broadcastMs.p99)).median;
  const memory = cases.flatMap((item) => item.runs.map((run) => run.peakMiB['api'] ?? 0));
  const own = Math.min(...bursts.map((item) => ownMicros(item.runs)));
  const narrow = (lanes: number) =>
    bursts.find(({ case: item }) => item.window === DEFAULT_WINDOW && item.lanes === lanes)!;
  const [one, three] = [1, 3].map((lanes) => median(narrow(lanes).runs).median);
  return [
    ['end to end, withdrawals/s', 1_000, best],
    ['end to end ÷ ruler 3', 20, best / median(awaited.runs).median],
    ['three lanes ÷ one, default window', 1.5, three! / one!],
    ['own CPU µs a withdrawal', 700, own, 'most'],
    ['accepted to broadcast at the steady rate, p99 ms', 1_000, p99, 'most'],
    ['api, highest MiB', 300, Math.max(...memory), 'most'],
  ];
}

const signingTarget = (signing: SigningResult): Found => [
  'signatures/s, journal included',
  5_000,
  signaturesEach(signing).median,
];

const callsTarget = (each: number): Found => [
  'requests to the node a withdrawal',
  0.2,
  each,
  'most',
];

function trackingTarget({ cases }: TrackingResult): Found {
  const [small, large] = [cases[0]!, cases.at(-1)!];
  const grown = trackingMs(large.runs).median / trackingMs(small.runs).median;
  const what = `CPU of a block, ${number(large.case.final)} final ÷ ${number(small.case.final)}`;
  return [what, 1.1, grown, 'most'];
}

function idleTargets({ runs }: IdleResult): Found[] {
  const percent = spreadOf(runs.map(idlePercent)).median;
  const p95 = spreadOf(runs.map((run) => run.broadcastMs.p95)).median;
  return [
    ['idle, all processes, % of a core', 3, percent, 'most'],
    ['one withdrawal on an idle system, to broadcast p95 ms', 150, p95, 'most'],
  ];
}

export function median(runs: readonly { perSecond: number }[]): Spread {
  return spreadOf(runs.map((run) => run.perSecond));
}

export function idlePercent({ cpuPercent }: IdleRun): number {
  return Object.values(cpuPercent).reduce((sum, part) => sum + part, 0);
}

/** CPU of what is ours: the roles and PostgreSQL. */
export function ownMicros(runs: readonly EndToEndRun[]): number {
  const cpu = medians(runs.map((run) => run.cpuMicros));
  return ['api', 'worker', 'signer', 'postgres'].reduce((sum, name) => sum + (cpu[name] ?? 0), 0);
}
