import type { Agreement, Vote } from '../port.ts';

/** Counts equal values; only one of them can have more than half of all. */
export function tally<Value>(votes: readonly Vote<Value>[], needed: number): Agreement<Value> {
  const counts = new Map<string, { value: Value; count: number }>();
  for (const { value } of votes) {
    if (value === null) continue;
    const key = JSON.stringify(value);
    const counted = counts.get(key) ?? { value, count: 0 };
    counts.set(key, { ...counted, count: counted.count + 1 });
  }
  const winner = [...counts.values()].find(({ count }) => count >= needed);
  return { agreed: winner?.value ?? null, disputed: counts.size > 1, votes: [...votes] };
}

/** The highest that `needed` of them have reached. */
export function tallyHeight(votes: readonly Vote<number>[], needed: number): Agreement<number> {
  const heights = votes.flatMap(({ value }) => value ?? []).sort((a, b) => b - a);
  return { agreed: heights[needed - 1] ?? null, disputed: false, votes: [...votes] };
}
