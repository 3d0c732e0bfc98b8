import type { Db } from '../../base/db/index.ts';

/**
 * Counts the sessions that a pool began or lost. Another copy of the database that is put in the place of the first,
 * under a running process, ends every session, and may have given an account's number to another account.
 */
const eras = new WeakMap<Db, { now: number }>();

function eraOf(db: Db): { readonly now: number } {
  const known = eras.get(db);
  if (known !== undefined) return known;
  const era = { now: 0 };
  const next = () => {
    era.now += 1;
  };
  db.on('connect', next);
  db.on('error', next);
  eras.set(db, era);
  return era;
}

/**
 * Numbers of accounts by name. They do not change while the sessions live that showed them: what was read before the
 * newest session is known to the step that read it, and no longer fresh for the next one.
 *
 * It has two halves: a full young one becomes the old one. What a step opened is thus still known when it posts, whatever
 * others open meanwhile, unless they fill a whole half.
 */
export class AccountCache {
  readonly #era: { readonly now: number };
  readonly #half: number;
  #young = new Map<string, { number: bigint; era: number }>();
  #old = new Map<string, { number: bigint; era: number }>();

  constructor(db: Db, half: number) {
    this.#era = eraOf(db);
    this.#half = half;
  }

  /** To be taken before a number is read that is set with it. */
  get era(): number {
    return this.#era.now;
  }

  get(name: string): bigint | undefined {
    return this.#entry(name)?.number;
  }

  isFresh(name: string): boolean {
    return this.#entry(name)?.era === this.#era.now;
  }

  set(name: string, number: bigint, era: number): void {
    this.#put(name, { number, era });
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  #entry(name: string): { number: bigint; era: number } | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.#put(name, old);
    return old;
  }

  #put(name: string, entry: { number: bigint; era: number }): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, entry);
  }
}
