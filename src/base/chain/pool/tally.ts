/** One node's word; null: it has none, or did not answer. */
export type Vote<Value> = { name: string; value: Value | null };

/** What so many said alike, who did, and who said something else; null while fewer did. */
export type Tally<Value> = { agreed: Value | null; agreeing: string[]; against: string[] };

/**
 * Counts equal values, of which one alone can have more than half of all. Where none has enough, everybody who said
 * anything is against the others, once two things were said; a node without a word disputes nothing.
 */
export function tally<Value>(votes: readonly Vote<Value>[], needed: number): Tally<Value> {
  const said = new Map<string, { value: Value; names: string[] }>();
  for (const { name, value } of votes) {
    if (value === null) continue;
    const key = keyOf(value);
    const same = said.get(key);
    if (same === undefined) said.set(key, { value, names: [name] });
    else same.names.push(name);
  }
  const groups = [...said.values()];
  const winner = groups.find(({ names }) => names.length >= needed);
  const others = groups.filter((group) => group !== winner);
  return {
    agreed: winner?.value ?? null,
    agreeing: winner?.names ?? [],
    against: groups.length > 1 ? others.flatMap(({ names }) => names) : [],
  };
}

function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part));
}
