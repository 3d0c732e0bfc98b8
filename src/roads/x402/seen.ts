import type { Hex } from '../../base/kernel/index.ts';

/** Some megabytes; a facilitator that verifies a hundred a second forgets after minutes. */
const MOST = 50_000;

/**
 * Authorizations that came to this process of late, in two halves of which the older is forgotten. A hint alone: other
 * processes have seen others.
 */
export class Seen {
  #now = new Set<Hex>();
  #before = new Set<Hex>();

  /** True when it was not there. */
  add(authorizationId: Hex): boolean {
    if (this.#now.has(authorizationId)) return false;
    const isNew = !this.#before.has(authorizationId);
    if (this.#now.size >= MOST / 2) {
      this.#before = this.#now;
      this.#now = new Set();
    }
    this.#now.add(authorizationId);
    return isNew;
  }
}
