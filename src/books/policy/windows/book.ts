import { keyHash } from '../../../base/kernel/index.ts';
import type { CompiledPolicy, Limit, Meter } from '../evaluate/compile.ts';
import type { Spent, Take, Usage } from '../evaluate/evaluate.ts';
import type { PolicySubject } from '../evaluate/subject.ts';

/** [number of the bucket since the epoch, base units, payments], ascending. */
type Bucket = [number, string, number];
export type Spends = Record<string, Bucket[]>;

/** What one name in one dimension of a tenant spent, on all meters of that dimension. */
export type CounterRow = { counterId: string; tenantId: string; dimension: string; name: string };
export type Counter = CounterRow & { spends: Spends; stored: boolean };

/** What a decision took from the windows: of these counters, by these limits of its policy. */
export type Charge = {
  subjectId: string;
  tenantId: string;
  amount: bigint;
  at: number;
  entries: { counter: Counter; limit: Limit }[];
};

export function counterOf(tenantId: string, dimension: string, name: string): CounterRow {
  const counterId = keyHash('policy_counter', tenantId, dimension, name);
  return { counterId, tenantId, dimension, name };
}

export function bucketOf(meter: Pick<Meter, 'bucketMs'>, at: number): number {
  return meter.bucketMs === null ? 0 : Math.floor(at / meter.bucketMs);
}

/** Adds to a bucket, or takes from it; an empty bucket is dropped. */
export function addTo(spends: Spends, key: string, bucket: number, spent: Spent): void {
  spends[key] ??= [];
  const buckets = spends[key];
  const place = buckets.findLastIndex(([start]) => start <= bucket);
  const found = buckets[place];
  if (found?.[0] !== bucket) {
    buckets.splice(place + 1, 0, [bucket, spent.amount.toString(), spent.count]);
    return;
  }
  const count = found[2] + spent.count;
  if (count === 0) buckets.splice(place, 1);
  else buckets[place] = [bucket, (BigInt(found[1]) + spent.amount).toString(), count];
}

/**
 * The windows of a batch, held in memory while their rows are locked: what was spent before, and what the decisions
 * of this batch take, one after the other. `at`: the database's clock, after the locks.
 */
export class WindowBook {
  readonly at: number;
  charges: Charge[] = [];
  readonly #changed = new Set<Counter>();
  readonly #counters = new Map<string, Counter>();
  /** Sums within a span, by counter and meter: all payments of a tenant ask one counter. */
  readonly #sums = new Map<string, Map<number | null, Spent>>();

  constructor(at: number, counters: readonly Counter[]) {
    this.at = at;
    for (const counter of counters) this.#counters.set(placeOf(counter), counter);
  }

  readonly usage: Usage = ({ meter, windowMs }, name, tenantId) => {
    const counter = this.#counter(tenantId, meter, name);
    const sums = this.#sumsOf(counter, meter);
    let sum = sums.get(windowMs);
    if (sum === undefined) {
      sum = spentWithin(counter.spends[meter.key] ?? [], { meter, windowMs }, this.at);
      sums.set(windowMs, sum);
    }
    return sum;
  };

  /** Takes what an allowed subject spends from every limit that it is under. */
  charge(subjectId: string, { tenantId, amount }: PolicySubject, takes: readonly Take[]): void {
    if (takes.length === 0) return;
    const charged = new Set<string>();
    const entries = takes.map(({ limit, name }) => {
      const counter = this.#counter(tenantId, limit.meter, name);
      // Two limits may share a meter: what is spent is counted on it once.
      const once = counter.counterId + limit.meter.key;
      if (!charged.has(once)) this.#add(counter, limit.meter, amount);
      charged.add(once);
      return { counter, limit };
    });
    this.charges.push({ subjectId, tenantId, amount, at: this.at, entries });
  }

  /** Undoes the charges of all others. */
  keepOnly(subjectIds: { has(subjectId: string): boolean }): void {
    for (const { subjectId, entries, amount } of this.charges) {
      if (subjectIds.has(subjectId)) continue;
      const once = new Map(
        entries.map((entry) => [entry.counter.counterId + entry.limit.meter.key, entry]),
      );
      for (const { counter, limit } of once.values()) {
        const bucket = bucketOf(limit.meter, this.at);
        addTo(counter.spends, limit.meter.key, bucket, { amount: -amount, count: -1 });
      }
    }
    this.charges = this.charges.filter(({ subjectId }) => subjectIds.has(subjectId));
  }

  /** What changed, without buckets that no window of the policy reaches back to. */
  write({ meters }: CompiledPolicy): Counter[] {
    for (const { spends } of this.#changed) {
      for (const [key, buckets] of Object.entries(spends)) {
        const meter = meters.get(key);
        if (meter === undefined) continue;
        const open = buckets.filter(([bucket]) => isOpen(meter, meter.keepMs, bucket, this.at));
        if (open.length === 0) delete spends[key];
        else spends[key] = open;
      }
    }
    return [...this.#changed];
  }

  #add(counter: Counter, meter: Meter, amount: bigint): void {
    addTo(counter.spends, meter.key, bucketOf(meter, this.at), { amount, count: 1 });
    this.#changed.add(counter);
    for (const sum of this.#sumsOf(counter, meter).values()) {
      sum.amount += amount;
      sum.count += 1;
    }
  }

  #sumsOf({ counterId }: Counter, { key }: Meter): Map<number | null, Spent> {
    const place = counterId + key;
    const sums = this.#sums.get(place) ?? new Map<number | null, Spent>();
    this.#sums.set(place, sums);
    return sums;
  }

  #counter(tenantId: string, { per }: Meter, name: string): Counter {
    return this.#counters.get(placeOf({ tenantId, dimension: per, name }))!;
  }
}

const placeOf = ({ tenantId, dimension, name }: Omit<CounterRow, 'counterId'>) =>
  `${tenantId}|${dimension}|${name}`;

/** A bucket counts until all of it is out of the window. */
function isOpen({ bucketMs }: Meter, windowMs: number | null, bucket: number, at: number): boolean {
  return bucketMs === null || windowMs === null || (bucket + 1) * bucketMs > at - windowMs;
}

function spentWithin(
  buckets: readonly Bucket[],
  { meter, windowMs }: Pick<Limit, 'meter' | 'windowMs'>,
  at: number,
): Spent {
  const sum = { amount: 0n, count: 0 };
  for (const [bucket, amount, count] of buckets) {
    if (!isOpen(meter, windowMs, bucket, at)) continue;
    sum.amount += BigInt(amount);
    sum.count += count;
  }
  return sum;
}
