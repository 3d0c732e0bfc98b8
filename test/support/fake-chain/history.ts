type Version = { height: number; value: bigint };

/**
 * Numbers by name as they were at every height, so that a reorg only forgets and an old block can still be
 * asked. A name that was never set is zero.
 */
export class History {
  readonly #versions = new Map<string, Version[]>();
  readonly #touched = new Map<number, Set<string>>();

  /** As of a height: what the last change at or below it said. */
  get(name: string, height: number): bigint {
    const versions = this.#versions.get(name);
    if (versions === undefined) return 0n;
    for (let index = versions.length - 1; index >= 0; index -= 1) {
      if (versions[index]!.height <= height) return versions[index]!.value;
    }
    return 0n;
  }

  /** Heights come in order, save after a rewind. */
  set(name: string, height: number, value: bigint): void {
    const versions = this.#versions.get(name) ?? [];
    if (versions.length === 0) this.#versions.set(name, versions);
    const last = versions.at(-1);
    if (last?.height === height) last.value = value;
    else versions.push({ height, value });
    const touched = this.#touched.get(height) ?? new Set();
    this.#touched.set(height, touched.add(name));
  }

  /** As if it had been there from the first block on. */
  give(name: string, amount: bigint): void {
    const versions = this.#versions.get(name) ?? [];
    if (versions[0]?.height !== 0) versions.unshift({ height: 0, value: 0n });
    for (const version of versions) version.value += amount;
    this.#versions.set(name, versions);
  }

  /** Forgets what was set above this height; `top` is the highest that was ever set. */
  rewind(height: number, top: number): void {
    for (let above = top; above > height; above -= 1) {
      for (const name of this.#touched.get(above) ?? []) this.#versions.get(name)!.pop();
      this.#touched.delete(above);
    }
  }
}
