import { ConfigurationError } from '../kernel/index.ts';

type FileFault = { path: string; found: string; allowed: string };

/** Gathers what is wrong with a file, so that one run names every fault and not the first alone. */
export class Faults {
  readonly all: FileFault[] = [];

  /** `path` is the key path (`assets[0].tiers[1].upTo`); neither text may hold a secret. */
  add(path: string, found: string, allowed: string): void {
    this.all.push({ path, found, allowed });
  }

  get count(): number {
    return this.all.length;
  }

  /** Throws ConfigurationError with one line per fault, in the order of the file. */
  throwIfAny(): void {
    if (this.all.length === 0) return;
    const lines = this.all.map(
      ({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`,
    );
    throw new ConfigurationError(lines.join('\n'));
  }
}

const LONGEST = 60;

/** How a value is told in a fault. What looks like a private key is not shown, wherever it stands. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null (an empty value)';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a section';
  if (typeof value !== 'string') return `the ${typeof value} ${String(value)}`;
  if (/[0-9a-fA-F]{64}/.test(value)) return hidden(value);
  return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
}

/** A value that may be a secret: its kind only. */
export function hidden(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters (not shown)`;
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number (not shown)';
  return shown(value);
}

export function keyPath(parent: string, key: string): string {
  const name = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) && key.length <= LONGEST ? key : shown(key);
  return parent === '' ? name : `${parent}.${name}`;
}
