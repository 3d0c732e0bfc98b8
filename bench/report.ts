import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptResult, AcceptRun } from './accept.ts';
import type { EndToEndResult, EndToEndRun } from './end-to-end.ts';
import { IDLE_PARTS, type IdleResult } from './idle.ts';
import type { Machine } from './machine.ts';
import { medians, spreadOf } from './measure.ts';
import { BLOCK_SECONDS, SLOTS_IN_EPOCH } from './node.ts';
import { policyTable } from './policy-table.ts';
import { callsTable, trackingTable } from './rpc-tables.ts';
import { signingTable } from './signing.ts';
import { columns, ms, number, spread } from './table.ts';
import { idlePercent, type Measured, median, ownMicros, targetsOf } from './targets.ts';
import { x402Table } from './x402/table.ts';

export type Report = Measured & {
  label: string;
  at: string;
  quick: boolean;
  rounds: number;
  machine: Machine;
};

export function tableOf(report: Report): string {
  const { machine, accept, policy, endToEnd, signing, calls, tracking, idle, x402 } = report;
  const blocks = [
    [
      `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB · Node ${machine.node} · PostgreSQL ${machine.postgres}`,
      Object.entries(machine.durability)
        .map(([name, value]) => `${name} ${value}`)
        .join(' · '),
      `Everything on this machine, load included; median of ${report.rounds} runs [lowest–highest]; load average before: ${machine.loadAverage.toFixed(2)}`,
    ],
  ];
  if (accept !== null) blocks.push(acceptTable(accept));
  if (policy !== null) blocks.push(policyTable(policy));
  if (endToEnd !== null) blocks.push(endToEndTable(endToEnd));
  if (signing !== null) blocks.push(signingTable(signing));
  if (calls !== null) blocks.push(callsTable(calls));
  if (tracking !== null) blocks.push(trackingTable(tracking));
  if (idle !== null) blocks.push(idleTable(idle));
  if (x402 !== null) blocks.push(x402Table(x402));
  const disturbed = disturbanceOf(report);
  if (disturbed !== null) blocks.push([disturbed]);
  const targets = targetsOf(report).map(({ what, wanted, found, most, met }) => [
    what,
    number(found),
    `${most ? '≤' : '≥'} ${number(wanted)}`,
    met ? 'met' : 'MISSED',
  ]);
  blocks.push(columns([['TARGETS', 'found', 'wanted', ''], ...targets]));
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

/** Said when something else was busy: the figures are then below what this machine can do. */
function disturbanceOf({
  accept,
  endToEnd,
  signing,
  tracking,
  idle,
  policy,
  x402,
  machine,
}: Report): string | null {
  const cases = [
    ...(accept?.cases ?? []),
    ...(endToEnd?.cases ?? []),
    ...(tracking?.cases ?? []),
    ...(signing === null ? [] : [signing]),
    ...(idle === null ? [] : [idle]),
  ];
  const runs = [
    ...cases.flatMap((item) => item.runs.map((run) => run.othersCores)),
    ...(x402 === null ? [] : x402.rounds.map((round) => round.othersCores)),
    ...(policy?.runs ?? []).flatMap((run) => [run.tiers.othersCores, run.document.othersCores]),
  ];
  if (runs.length === 0) return null;
  const { median, high } = spreadOf(runs);
  if (median < 0.1) return null;
  return `DISTURBED: other processes kept ${median.toFixed(1)} (at most ${high.toFixed(1)}) of ${machine.cores} cores busy; figures are too low, ratios are rough`;
}

function acceptTable(accept: AcceptResult): string[] {
  const ruler = median(accept.ruler.runs);
  const head = [
    `ACCEPT (${accept.apis === 1 ? 'one api process' : `${accept.apis} api processes`}, worker and signer stopped)`,
    'withdrawals/s',
    '÷ ruler 1',
    'ms p50',
    'p95',
    'p99',
  ];
  const rows = accept.cases.map(({ case: item, runs }) => {
    const rate = median(runs);
    const latency = medians(runs.map((run) => ({ ...run.latency })));
    const ratio = item.ratePerSecond === undefined ? (rate.median / ruler.median).toFixed(1) : '';
    return [
      item.name,
      spread(rate),
      ratio,
      ...['p50', 'p95', 'p99'].map((part) => ms(latency[part]!)),
      cost(runs),
    ];
  });
  return [
    ...columns([
      [...head, 'CPU µs each'],
      ...rows,
      [`ruler 1: one transaction each, ${accept.ruler.connections} connections`, spread(ruler)],
    ]),
    `${accept.accounts} accounts; ${accept.rows} withdrawals in the database at the end; latency of whole requests, in the open loop from the moment due`,
  ];
}

function endToEndTable(result: EndToEndResult): string[] {
  const ruler = median(result.ruler.runs);
  const head = [
    'END TO END (to COMPLETED on anvil)',
    'withdrawals/s',
    '÷ ruler 2',
    'accepted/s',
    'mined/s',
  ];
  const stages = ['to broadcast p50', 'p99 ms', 'to COMPLETED p50', 'p99 ms'];
  const rows = result.cases.map(({ case: item, runs }) => {
    const rate = median(runs);
    const of = (pick: (run: EndToEndRun) => number) => spreadOf(runs.map(pick)).median;
    return [
      `${item.name} (window ${item.window} each)`,
      spread(rate),
      item.ratePerSecond === null ? (rate.median / ruler.median).toFixed(2) : '',
      number(of((run) => run.acceptPerSecond)),
      number(of((run) => run.withdrawals / run.includedSeconds)),
      ms(of((run) => run.broadcastMs.p50)),
      ms(of((run) => run.broadcastMs.p99)),
      ms(of((run) => run.completedMs.p50)),
      ms(of((run) => run.completedMs.p99)),
    ];
  });
  const costs = result.cases.map(({ case: item, runs }) => {
    const cpu = medians(runs.map((run) => run.cpuMicros));
    const memory = medians(runs.map((run) => run.peakMiB));
    const names = ['api', 'worker', 'signer', 'postgres', 'anvil', 'load'];
    const wal = spreadOf(runs.map((run) => run.walBytes)).median;
    return [
      item.name,
      ...names.map((name) =>
        name in cpu ? `${number(cpu[name]!)} / ${number(memory[name]!)}` : '–',
      ),
      number(ownMicros(runs)),
      number(wal),
    ];
  });
  return [
    ...columns([
      [...head, ...stages],
      ...rows,
      ['ruler 2: plain loop, await each send', spread(ruler)],
      ['ruler 3: plain loop, await each receipt', spread(median(result.awaited.runs))],
    ]),
    `Blocks of ${BLOCK_SECONDS} s, \`safe\` ${SLOTS_IN_EPOCH} blocks behind: the last ${SLOTS_IN_EPOCH + 1} s or so of each run wait for the chain`,
    '',
    ...columns([
      [
        'CPU µs each / peak MiB',
        'api',
        'worker',
        'signer',
        'postgres',
        'anvil',
        'load',
        'own CPU µs',
        'WAL bytes each',
      ],
      ...costs,
    ]),
    'own: api, worker, signer and PostgreSQL',
  ];
}

function idleTable({ runs, seconds, withdrawals }: IdleResult): string[] {
  const cpu = medians(runs.map((run) => run.cpuPercent));
  const latency = medians(runs.map((run) => ({ ...run.broadcastMs })));
  return [
    ...columns([
      ['IDLE (npm start at rest)', ...IDLE_PARTS, 'together'],
      [
        `% of a core over ${seconds} s`,
        ...IDLE_PARTS.map((part) => cpu[part]!.toFixed(2)),
        spread(spreadOf(runs.map(idlePercent))),
      ],
    ]),
    '',
    ...columns([
      ['accepted to accepted by the node', 'p50 ms', 'p95', 'max'],
      [
        `${withdrawals} withdrawals, one a second`,
        ...['p50', 'p95', 'max'].map((part) => ms(latency[part]!)),
      ],
    ]),
  ];
}

function cost(runs: readonly AcceptRun[]): string {
  const cpu = medians(runs.map((run) => run.cpuMicros));
  const wal = spreadOf(runs.map((run) => run.walBytes)).median;
  const parts = Object.entries(cpu).map(([name, value]) => `${name} ${number(value)}`);
  return `${parts.join(', ')}; WAL ${number(wal)} B`;
}

/** Writes everything that was measured, each run of it; returns the file. */
export function writeReport(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${report.at.slice(0, 10)}-${report.label}.json`);
  const targets = targetsOf(report);
  const round = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value)
      ? Math.round(value * 1_000) / 1_000
      : value;
  writeFileSync(file, `${JSON.stringify({ ...report, targets }, round, 2)}\n`);
  return file;
}
