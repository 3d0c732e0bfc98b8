import { keyHash } from '../../../base/kernel/index.ts';
import type { CompiledPolicy, Limit, Meter } from '../evaluate/compile.ts';
import type { Spent, Take, Usage } from '../evaluate/evaluate.ts';
import type { PolicySubject } from '../evaluate/subject.ts';

/** [number of the bucket since the epoch, base units, payments], ascending. */
type Bucket = [number, string, number];
export type Spends = Record<string, Bucket[]>;

/** What one name in one dimension of a tenant spent, on all meters of that dimension. */
export type CounterRow = { counterId: string; tenantId: string; dimension: string; name: string };
export type Counter = CounterRow & {
  spends: Spends;
  stored: boolean;
  /** Within each meter's window: all payments of a tenant ask one counter. */
  sums: Map<Meter, Spent>;
};

/** With what is stored of it, if anything is. */
export function counterWith(row: CounterRow, spends: Spends | undefined): Counter {
  return { ...row, spends: spends ?? {}, stored: spends !== undefined, sums: new Map() };
}

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
  /** By tenant, dimension and name. */
  readonly #counters = new Map<string, Map<string, Map<string, Counter>>>();

  constructor(at: number, counters: readonly Counter[]) {
    this.at = at;
    for (const counter of counters) {
      const { tenantId, dimension, name } = counter;
      const ofTenant = this.#counters.get(tenantId) ?? new Map<string, Map<string, Counter>>();
      const ofDimension = ofTenant.get(dimension) ?? new Map<string, Counter>();
      this.#counters.set(tenantId, ofTenant.set(dimension, ofDimension.set(name, counter)));
    }
  }

  readonly usage: Usage = ({ meter }, name, tenantId) => {
    const counter = this.#counter(tenantId, meter, name);
    const known = counter.sums.get(meter);
    if (known !== undefined) return known;
    const sum = spentWithin(counter.spends[meter.key] ?? [], meter, this.at);
    counter.sums.set(meter, sum);
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
        const open = buckets.filter(([bucket]) => isOpen(meter, bucket, this.at));
        if (open.length === 0) delete spends[key];
        else spends[key] = open;
      }
    }
    return [...this.#changed];
  }

  #add(counter: Counter, meter: Meter, amount: bigint): void {
    addTo(counter.spends, meter.key, bucketOf(meter, this.at), { amount, count: 1 });
    this.#changed.add(counter);
    const sum = counter.sums.get(meter);
    if (sum === undefined) return;
    sum.amount += amount;
    sum.count += 1;
  }

  #counter(tenantId: string, { per }: Meter, name: string): Counter {
    return this.#counters.get(tenantId)!.get(per)!.get(name)!;
  }
}

/** A bucket counts until all of it is out of the window. */
export function isOpen({ bucketMs, windowMs }: Meter, bucket: number, at: number): boolean {
  return bucketMs === null || windowMs === null || (bucket + 1) * bucketMs > at - windowMs;
}

export function spentWithin(buckets: readonly Bucket[], meter: Meter, at: number): Spent {
  const sum = { amount: 0n, count: 0 };
  for (const [bucket, amount, count] of buckets) {
    if (!isOpen(meter, bucket, at)) continue;
    sum.amount += BigInt(amount);
    sum.count += count;
  }
  return sum;
}
