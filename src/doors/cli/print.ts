import type { Refusal } from '../../base/kernel/index.ts';
import type { Output } from './context.ts';

export function printJson(out: Output, value: unknown): void {
  out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Columns as wide as their widest cell, headed by the names of the first row's members. */
export function printTable(out: Output, rows: readonly Record<string, string | null>[]): void {
  const heads = Object.keys(rows[0] ?? {});
  if (heads.length === 0) return void out.write('none\n');
  const cells = [heads, ...rows.map((row) => heads.map((head) => row[head] ?? '-'))];
  const widths = heads.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  for (const row of cells) {
    out.write(
      `${row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

/** A refusal of the rooms below in one line, with all its faults. */
export function sentence(refusal: Refusal): string {
  const faults = (refusal.faults ?? []).map(
    ({ pointer, got, expected }) => `${pointer} is ${JSON.stringify(got)}, expected ${expected}`,
  );
  return faults.length === 0 ? refusal.detail : `${refusal.detail} ${faults.join('; ')}`;
}
