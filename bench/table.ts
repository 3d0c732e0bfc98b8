import type { Spread } from './measure.ts';

export function spread({ median, low, high }: Spread): string {
  return `${number(median)} [${number(low)}–${number(high)}]`;
}

export function number(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString('en-US')
    : String(Math.round(value * 10) / 10);
}

export function ms(value: number): string {
  return value >= 100 ? number(value) : value.toFixed(1);
}

/** The first column to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!)))
      .join('  ')
      .trimEnd(),
  );
}
