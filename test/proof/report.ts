import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { faultsOf, type ProofResult } from './proof.ts';

export type Row = {
  name: string;
  sentence: string;
  seed: number;
  seconds: number;
  /** Null: it broke off with this error. */
  result: ProofResult | null;
  error: string | null;
};

export type Report = { at: string; size: 'full' | 'short'; machine: string; rows: Row[] };

export function machineOf(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${memory} GiB · Node ${process.versions.node}`;
}

/** Everything that is wrong with a proof; empty: it holds. */
export function wrongWith({ result, error }: Row, size: Report['size']): string[] {
  if (result === null) return [error ?? 'it did not run'];
  // A short run is too small, and its machine too busy, to be held against times.
  const missed = size === 'short' ? [] : result.targets.filter(({ met }) => !met);
  return [
    ...faultsOf(result),
    ...missed.map(({ what, wanted, found }) => `${what}: ${found}, wanted ${wanted}`),
  ];
}

const HEAD = ['proof', 'done', 'kills and faults', 'payments', 'once', 'twice', 'missing'].concat([
  'open reserves',
  'laws',
  'seconds',
  'seed',
  'verdict',
]);

function cellsOf(row: Row, size: Report['size']): string[] {
  const { name, seconds, seed, result } = row;
  const wrong = wrongWith(row, size);
  const end = [seconds.toFixed(0), String(seed), wrong.length === 0 ? 'holds' : 'BROKEN'];
  if (result === null) return [name, 'broken off', '', '', '', '', '', '', '', ...end];
  const counts = [result.payments, result.once, result.twice, result.missing, result.openReserves];
  const faults = Object.entries(result.faults).map(([kind, n]) => `${n} × ${kind}`);
  // A proof that is a file of tests counts inside its tests.
  const numbers = result.payments === 0 ? counts.map(() => '·') : counts.map(String);
  const laws = result.broken.length === 0 ? 'clean' : `${result.broken.length} broken`;
  return [name, result.done, faults.join(', '), ...numbers, laws, ...end];
}

/** One table, then what is wrong and what was measured, a line each. */
export function tableOf({ size, machine, rows }: Report): string {
  const lines = [HEAD, ...rows.map((row) => cellsOf(row, size))];
  const widths = HEAD.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const table = lines.map((line) =>
    line
      .map((cell, at) =>
        at >= 3 && at <= 10 ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const wrong = rows.flatMap((row) =>
    wrongWith(row, size).map((line) => `BROKEN ${row.name}: ${line}`),
  );
  const targets = rows.flatMap(({ name, result }) =>
    (result?.targets ?? []).map(
      ({ what, wanted, found, met }) =>
        `${name}: ${what} ${found} (wanted ${wanted}${met ? '' : size === 'full' ? ', MISSED' : ', not judged in a short run'})`,
    ),
  );
  return [machine, '', ...table, '', ...targets, ...wrong].join('\n').trimEnd();
}

function markdownOf(report: Report): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const { at, size, machine, rows } = report;
  return [
    `# Proof of ${at}, ${size}`,
    '',
    machine,
    '',
    line(HEAD),
    line(HEAD.map(() => '---')),
    ...rows.map((row) => line(cellsOf(row, size))),
    ...rows.flatMap((row) => [
      '',
      `## ${row.name}: ${wrongWith(row, size).length === 0 ? 'holds' : 'BROKEN'}`,
      '',
      `${row.sentence}.`,
      ...[...wrongWith(row, size), ...(row.result?.notes ?? [])].map((note) => `- ${note}`),
      ...(row.result?.targets ?? []).map(
        ({ what, wanted, found }) => `- ${what}: ${found}, wanted ${wanted}`,
      ),
    ]),
    '',
  ].join('\n');
}

/** Both forms beside each other; returns the path of the Markdown without its end. */
export function writeReport(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, `${report.at.slice(0, 19).replaceAll(':', '')}-${report.size}`);
  writeFileSync(`${base}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${base}.md`, markdownOf(report));
  return base;
}
