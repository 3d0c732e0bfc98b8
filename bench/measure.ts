import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Milliseconds. */
export type Latency = { p50: number; p95: number; p99: number; max: number };

export function latencyOf(values: readonly number[]): Latency {
  const sorted = Float64Array.from(values).sort();
  const at = (part: number) =>
    sorted.length === 0
      ? 0
      : sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Median, and what the runs were from the lowest to the highest. */
export type Spread = { median: number; low: number; high: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, low: sorted[0]!, high: sorted.at(-1)! };
}

/** Numbers of several runs with the same keys, key by key; a key that a run lacks is left out. */
export function medians(runs: readonly Record<string, number>[]): Record<string, number> {
  const keys = Object.keys(runs[0] ?? {}).filter((key) => runs.every((run) => key in run));
  return Object.fromEntries(
    keys.map((key) => [key, spreadOf(runs.map((run) => run[key]!)).median]),
  );
}

/** A process, or a whole family when its workers are its children (PostgreSQL). */
type Watched = { pid: number; family?: boolean };

type Used = {
  /** Since start(), by process. */
  cpuSeconds: Record<string, number>;
  /** The highest resident memory seen, by process. */
  peakMiB: Record<string, number>;
  /** Cores that anything else on the machine kept busy: above a few hundredths the figures are not ours alone. */
  othersCores: number;
};

/** Clock ticks a second in /proc; fixed by the kernel's interface on all platforms we run on. */
const TICKS = 100;
const SAMPLE_MS = 500;

/**
 * CPU and memory of processes from /proc. A family's ended children are in its parent's count. Where
 * there is no /proc nothing is reported.
 */
export class ProcessMeter {
  readonly #watched: Record<string, Watched>;
  #before: Record<string, number> = {};
  #machineBefore = { busy: 0, at: 0 };
  #peaks: Record<string, number> = {};
  #timer: NodeJS.Timeout | undefined;

  constructor(watched: Record<string, Watched>) {
    this.#watched = watched;
  }

  start(): void {
    this.#before = this.#cpuSeconds();
    this.#machineBefore = { busy: readBusySeconds(), at: performance.now() };
    this.#peaks = {};
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  stop(): Used {
    clearInterval(this.#timer);
    this.#sample();
    const cpuSeconds = Object.fromEntries(
      Object.entries(this.#cpuSeconds()).map(([name, value]) => [
        name,
        value - (this.#before[name] ?? 0),
      ]),
    );
    const seconds = (performance.now() - this.#machineBefore.at) / 1_000;
    const ours = Object.values(cpuSeconds).reduce((sum, value) => sum + value, 0);
    const busy = readBusySeconds() - this.#machineBefore.busy;
    return { cpuSeconds, peakMiB: this.#peaks, othersCores: Math.max(0, busy - ours) / seconds };
  }

  #cpuSeconds(): Record<string, number> {
    const used: Record<string, number> = {};
    for (const [name, { pid, family }] of Object.entries(this.#watched)) {
      const parent = readStat(pid);
      if (parent === null) continue;
      let ticks = parent.own + (family === true ? parent.ended : 0);
      if (family === true) for (const child of childrenOf(pid)) ticks += child.own;
      used[name] = ticks / TICKS;
    }
    return used;
  }

  #sample(): void {
    for (const [name, { pid, family }] of Object.entries(this.#watched)) {
      const members = [pid, ...(family === true ? childrenOf(pid).map((child) => child.pid) : [])];
      let own = 0;
      let shared = 0;
      for (const member of members) {
        const memory = readMemory(member);
        own += memory.ownKiB;
        // Shared memory and program text are one for all: counted once, at the largest view.
        shared = Math.max(shared, memory.sharedKiB);
      }
      const total = (own + shared) / 1_024;
      if (total > 0) this.#peaks[name] = Math.max(this.#peaks[name] ?? 0, total);
    }
  }
}

/**
 * CPU seconds of a process so far, to the nanosecond, from the scheduler's own counts, since ticks of 10 ms are too
 * coarse for what is nearly idle; of a family's members that ended, in ticks.
 */
export function cpuSeconds(pid: number, family = false): number {
  const own = scheduledSeconds(pid);
  if (!family) return own;
  const living = childrenOf(pid).reduce((sum, child) => sum + scheduledSeconds(child.pid), 0);
  return own + living + (readStat(pid)?.ended ?? 0) / TICKS;
}

function scheduledSeconds(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1'))
      .reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e9, 0);
  } catch {
    return 0;
  }
}

/** Of all cores; user, nice, system, irq, softirq and steal. */
function readBusySeconds(): number {
  try {
    const [, ...ticks] = readFileSync('/proc/stat', 'latin1')
      .split('\n')[0]!
      .split(/\s+/)
      .map(Number);
    return [0, 1, 2, 5, 6, 7].reduce((sum, index) => sum + (ticks[index] ?? 0), 0) / TICKS;
  } catch {
    return 0;
  }
}

type Stat = { pid: number; parent: number; own: number; ended: number };

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent] = fields;
    return {
      pid,
      parent: parent!,
      own: fields[11]! + fields[12]!,
      ended: fields[13]! + fields[14]!,
    };
  } catch {
    return null;
  }
}

function childrenOf(pid: number): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat): stat is Stat => stat !== null && stat.parent === pid);
}

function readMemory(pid: number): { ownKiB: number; sharedKiB: number } {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    const value = (key: string) =>
      Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { ownKiB: value('RssAnon'), sharedKiB: value('RssShmem') + value('RssFile') };
  } catch {
    return { ownKiB: 0, sharedKiB: 0 };
  }
}
