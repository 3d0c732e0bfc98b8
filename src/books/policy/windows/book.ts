import { keyHash } from '../../../base/kernel/index.ts';
import type { CompiledPolicy } from '../evaluate/compile.ts';
import type { Spent, Take } from '../evaluate/judge.ts';
import type { Limit, Meter } from '../evaluate/limit.ts';
import type { PolicySubject } from '../evaluate/subject.ts';

/** [number of the bucket since the epoch, base units, payments], ascending. */
type Bucket = [number, string, number];
export type Spends = Record<string, Bucket[]>;

/** What one name in one dimension of a tenant spent, on all meters of that dimension. */
type CounterRow = { counterId: string; tenantId: string; dimension: string; name: string };
export type Counter = CounterRow & {
  spends: Spends;
  stored: boolean;
  /** Of each meter that was asked for. */
  sums: Sum[];
};

/** What stands in a meter's window, that of this batch included: all payments of a tenant ask one. */
type Sum = Spent & { counter: Counter; meter: Meter; taken: Spent };

/** With what is stored of it, if anything is. */
export function counterWith(row: CounterRow, spends: Spends | undefined): Counter {
  const { counterId, tenantId, dimension, name } = row;
  const stored = spends !== undefined;
  return { counterId, tenantId, dimension, name, spends: spends ?? {}, stored, sums: [] };
}

/** What a decision took from the windows: of these counters, by these limits of its policy. */
export type Charge = {
  subjectId: string;
  tenantId: string;
  amount: bigint;
  at: number;
  /** `before` is now with what it took. */
  takes: readonly Take<Sum>[];
};

/** The counters that a batch may be charged on, each once, by tenant, dimension and name; nothing is read of them yet. */
export class Windows {
  readonly all: Counter[] = [];
  readonly #tenants = new Map<string, Map<string, Map<string, Counter>>>();

  has(tenantId: string, dimension: string, name: string): boolean {
    return this.#tenants.get(tenantId)?.get(dimension)?.has(name) === true;
  }

  get(tenantId: string, dimension: string, name: string): Counter {
    return this.#tenants.get(tenantId)!.get(dimension)!.get(name)!;
  }

  add(tenantId: string, dimension: string, name: string): void {
    const ofTenant = this.#tenants.get(tenantId) ?? new Map<string, Map<string, Counter>>();
    const ofDimension = ofTenant.get(dimension) ?? new Map<string, Counter>();
    this.#tenants.set(tenantId, ofTenant.set(dimension, ofDimension));
    const counterId = keyHash('policy_counter', tenantId, dimension, name);
    const counter = counterWith({ counterId, tenantId, dimension, name }, undefined);
    ofDimension.set(name, counter);
    this.all.push(counter);
  }

  /** What is stored of them, by id. */
  fill(stored: ReadonlyMap<string, Spends>): void {
    for (const counter of this.all) {
      const spends = stored.get(counter.counterId);
      if (spends === undefined) continue;
      counter.spends = spends;
      counter.stored = true;
    }
  }
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
  readonly #changed = new Set<Sum>();
  readonly #windows: Windows;

  constructor(at: number, windows: Windows) {
    this.at = at;
    this.#windows = windows;
  }

  readonly usage = ({ meter }: Limit, name: string, tenantId: string): Sum => {
    const counter = this.#windows.get(tenantId, meter.per, name);
    const known = counter.sums.find((sum) => sum.meter === meter);
    if (known !== undefined) return known;
    const { amount, count } = spentWithin(counter.spends[meter.key] ?? [], meter, this.at);
    const sum = { counter, meter, amount, count, taken: { amount: 0n, count: 0 } };
    counter.sums.push(sum);
    return sum;
  };

  /** Takes what an allowed subject spends from every limit that it is under. */
  charge(
    subjectId: string,
    { tenantId, amount }: PolicySubject,
    takes: readonly Take<Sum>[],
  ): void {
    if (takes.length === 0) return;
    this.#take(takes, { amount, count: 1 });
    this.charges.push({ subjectId, tenantId, amount, at: this.at, takes });
  }

  /** Undoes the charges of all others. */
  keepOnly(subjectIds: { has(subjectId: string): boolean }): void {
    for (const { subjectId, takes, amount } of this.charges) {
      if (!subjectIds.has(subjectId)) this.#take(takes, { amount: -amount, count: -1 });
    }
    this.charges = this.charges.filter(({ subjectId }) => subjectIds.has(subjectId));
  }

  /** What changed, without buckets that no window of the policy reaches back to. */
  write({ meters }: CompiledPolicy): Counter[] {
    const counters = new Set<Counter>();
    for (const { counter, meter, taken } of this.#changed) {
      if (taken.count === 0) continue;
      addTo(counter.spends, meter.key, bucketOf(meter, this.at), taken);
      counters.add(counter);
    }
    for (const { spends } of counters) {
      for (const key in spends) {
        const buckets = spends[key]!;
        const meter = meters.get(key);
        if (meter === undefined) continue;
        // They ascend: where the oldest is open, all are.
        if (buckets[0] !== undefined && isOpen(meter, buckets[0][0], this.at)) continue;
        const open = buckets.filter(([bucket]) => isOpen(meter, bucket, this.at));
        if (open.length === 0) delete spends[key];
        else spends[key] = open;
      }
    }
    return [...counters];
  }

  #take(takes: readonly Take<Sum>[], spent: Spent): void {
    for (const [place, { before: sum }] of takes.entries()) {
      // Two limits may share a meter: what is spent is counted on it once.
      if (takes.findIndex(({ before }) => before === sum) < place) continue;
      add(sum, spent);
      add(sum.taken, spent);
      this.#changed.add(sum);
    }
  }
}

function add(to: Spent, { amount, count }: Spent): void {
  to.amount += amount;
  to.count += count;
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
