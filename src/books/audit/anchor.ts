import { appendFile, open, readFile } from 'node:fs/promises';
import { type Hex, messageOf, Transient } from '../../base/kernel/index.ts';

/** The hash of a signed header, kept where whoever can write the database can not. */
export type AnchoredRoot = { height: bigint; hash: Hex };

/** Keeps roots outside of the database, for ever. An object store that locks what it holds is another of the kind. */
export type Anchor = {
  /** Where it is, for people. */
  readonly where: string;
  /** Durable when it resolves; the same root again does no harm. Throws Transient when it can not be written. */
  append(root: AnchoredRoot): Promise<void>;
  /** Everything that was ever appended, in that order. Throws Transient when it can not be read. */
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
