import { randomOf, type Random as Source } from '../seed.ts';

/** Choices that a seed repeats. */
export class Random {
  readonly #source: Source;

  constructor(seed: number) {
    // Neighbouring seeds would start out alike.
    this.#source = randomOf(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b));
    this.#source.next();
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.#source.below(n);
  }

  chance(probability: number): boolean {
    return this.#source.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** PAYONCE_SEED where it is set, else another one each time; whoever asks prints it. */
export function seedOfRun(): number {
  const given = process.env['PAYONCE_SEED'];
  return given === undefined ? Date.now() % 1_000_000 : Number(given);
}
