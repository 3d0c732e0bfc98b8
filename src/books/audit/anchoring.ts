import type { Db } from '../../base/db/index.ts';
import type { Anchor } from './anchor.ts';
import { lastSigned, readBlocks } from './blocks.ts';
import { auditHash } from './check.ts';

/** Roots that go to the anchor in one round, which whoever stops the process waits for. */
const ANCHORED_AT_ONCE = 100;

/**
 * One process's part of the anchoring: what is signed goes to the anchor, in the order of heights, beside the sealing,
 * which waits for no anchor. How far it is, is known from the anchor alone: after a crash the last root that it
 * has is appended again, which shows that it is the one of this chain.
 */
export class Anchoring {
  readonly #db: Db;
  readonly #anchor: Anchor;
  #anchored: bigint | null = null;

  constructor({ db, anchor }: { db: Db; anchor: Anchor }) {
    this.#db = db;
    this.#anchor = anchor;
  }

  /** True when more may be to be anchored at once. Throws as the anchor does; the next round goes on where it was. */
  async round(): Promise<boolean> {
    this.#anchored ??= await this.#begin();
    const blocks = await readBlocks(this.#db, this.#anchored, ANCHORED_AT_ONCE);
    for (const { header, signature } of blocks) {
      if (signature === null) return false;
      await this.#anchor.append({ height: header.height, hash: auditHash(header) });
      this.#anchored = header.height;
    }
    return blocks.length === ANCHORED_AT_ONCE;
  }

  async #begin(): Promise<bigint> {
    const highest = await this.#anchor.highest(await lastSigned(this.#db));
    return highest > 0n ? highest - 1n : 0n;
  }
}
