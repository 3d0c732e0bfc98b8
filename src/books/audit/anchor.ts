import { appendFile, open, readFile } from 'node:fs/promises';
import { type Hex, messageOf, Transient } from '../../base/kernel/index.ts';

/** The hash of a signed header, kept where whoever can write the database can not. */
export type AnchoredRoot = { height: bigint; hash: Hex };

/**
 * It holds something else than is to be kept there, or holds it so that it may be changed: somebody wrote to it, or the
 * chain of blocks was made anew. A person has to look; no retry mends it.
 */
export class AnchorConflict extends Error {
  override readonly name = 'AnchorConflict';
}

/** Keeps roots outside of the database, for ever: a file here, a bucket with a lock in hands/anchor. */
export type Anchor = {
  /** Where it is, for people. */
  readonly where: string;
  /**
   * Durable when it resolves; the same root again does no harm. Throws Transient when it can not be written,
   * AnchorConflict when there is another one of that height and the anchor can tell.
   */
  append(root: AnchoredRoot): Promise<void>;
  /** The highest root up to a height, of those that were appended without a gap; 0: none. Throws as read does. */
  highest(upTo: bigint): Promise<bigint>;
  /** Everything that was ever appended, in the order of heights or of time. Throws Transient when it can not be read. */
  read(): Promise<AnchoredRoot[]>;
};

const LINE = /^([0-9]+) (0x[0-9a-f]{64})$/;

/** A line for each root, appended and synced. What a crash tore off the end is no line, and is written again. */
export class FileAnchor implements Anchor {
  readonly where: string;

  constructor(path: string) {
    this.where = path;
  }

  async append({ height, hash }: AnchoredRoot): Promise<void> {
    try {
      const file = await open(this.where, 'a', 0o600);
      try {
        // Begins on a line of its own, whatever was torn off before.
        await appendFile(file, `\n${height} ${hash}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw new Transient(`the anchor ${this.where} can not be written: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async highest(upTo: bigint): Promise<bigint> {
    return (await this.read()).reduce(
      (highest, { height }) => (height > highest && height <= upTo ? height : highest),
      0n,
    );
  }

  async read(): Promise<AnchoredRoot[]> {
    let text: string;
    try {
      text = await readFile(this.where, 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new Transient(`the anchor ${this.where} can not be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return text.split('\n').flatMap((line) => {
      const [, height, hash] = LINE.exec(line) ?? [];
      return hash === undefined ? [] : [{ height: BigInt(height!), hash: hash as Hex }];
    });
  }
}
