import type { Db } from '../../base/db/index.ts';
import type { Anchor } from './anchor.ts';
import { readBlocks } from './blocks.ts';
import { auditHash } from './check.ts';
import { Frontier } from './frontier.ts';
import { sealNext } from './seal.ts';

/** Roots that go to the anchor in one round. */
const ANCHORED_AT_ONCE = 1_000;

/** One process's part of the sealing: it seals what is finished and anchors what is signed. */
export class Sealer {
  readonly #db: Db;
  readonly #anchor: Anchor | null;
  readonly #frontier = new Frontier();
  #anchored: bigint | null = null;

  constructor(options: { db: Db; anchor: Anchor | null }) {
    this.#db = options.db;
    this.#anchor = options.anchor;
  }

  /** True when more may be to be sealed at once. */
  async round(): Promise<boolean> {
    await this.#anchorSigned();
    const frontier = await this.#frontier.advance(this.#db);
    return frontier !== null && (await sealNext(this.#db, frontier)) !== null;
  }

  /** After a crash the roots since the last one that the anchor has are appended; two of the same do no harm. */
  async #anchorSigned(): Promise<void> {
    const anchor = this.#anchor;
    if (anchor === null) return;
    this.#anchored ??= (await anchor.read()).reduce(
      (highest, { height }) => (height > highest ? height : highest),
      0n,
    );
    const blocks = await readBlocks(this.#db, this.#anchored, ANCHORED_AT_ONCE);
    for (const { header, signature } of blocks) {
      if (signature === null) return;
      await anchor.append({ height: header.height, hash: auditHash(header) });
      this.#anchored = header.height;
    }
  }
}
