/** Choices that a seed repeats: mulberry32. Numbers in [0, 1). */
export type Random = { next(): number; below(limit: number): number };

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (limit) => Math.floor(next() * limit) };
}

/** The seed of a test: of PAYONCE_SEED, else of the clock. Printed, so that a failure can be repeated. */
export function seedOf(test: string): number {
  const seed = Number(process.env['PAYONCE_SEED'] ?? Date.now() % 2 ** 31);
  console.info(`${test}: PAYONCE_SEED=${seed}`);
  return seed;
}
