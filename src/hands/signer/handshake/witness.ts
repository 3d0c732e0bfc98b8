import { createHash } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Hex, messageOf, randomToken, Transient } from '../../../base/kernel/index.ts';
import type { Seal } from './chain.ts';

/**
 * Holds the journal's height outside of both databases; all signers of an installation share it. Throws
 * Transient when it can not be asked or written.
 */
export type Witness = {
  /** Where it is, for people. */
  readonly where: string;
  /** The highest that was written; null when there is no witness, or nothing in it can be read. */
  read(): Promise<Seal | null>;
  /**
   * Durable when it resolves. Never goes down: a height below what stands leaves that, and another hash for
   * the height that stands is refused.
   */
  write(seal: Seal): Promise<void>;
};

const SLOTS = 32;
/** 32 lines of 128 bytes: one page. */
const LINE = 128;

/**
 * A witness in a file of fixed size. Batch n is line n modulo 32, written in place and synced: one flush, and
 * two signers at once write two lines, so that neither takes the other's back. (One that was stopped in the
 * middle while others went on by a multiple of 32 can take one batch back, until the next is written.) A line
 * torn by a crash fails its sum and is as good as not written, which no signer was told it was.
 */
export class FileWitness implements Witness {
  readonly where: string;

  constructor(path: string) {
    this.where = path;
  }

  async read(): Promise<Seal | null> {
    try {
      return highest(await readFile(this.where, 'latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw this.#failed('read', error);
    }
  }

  async write(seal: Seal): Promise<void> {
    const found = await this.read();
    // Height 0 has seen nothing: another installation's may be written over.
    const standing = seal.height === 0n && found?.height === 0n ? null : found;
    if (standing !== null && standing.height >= seal.height) {
      if (standing.height > seal.height || standing.hash === seal.hash) return;
      throw new Transient(
        `the witness ${this.where} has ${standing.hash} for batch ${seal.height}, not ${seal.hash}`,
      );
    }
    try {
      if (found !== null || !(await this.#create(seal))) await this.#overwrite(seal);
    } catch (error) {
      throw this.#failed('written', error);
    }
  }

  async #overwrite(seal: Seal): Promise<void> {
    const file = await open(this.where, 'r+');
    try {
      const line = Buffer.from(lineOf(seal), 'latin1');
      await file.write(line, 0, LINE, Number(seal.height % BigInt(SLOTS)) * LINE);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /**
   * By a link, so that there is the whole file or none, and another signer's is never replaced; the folder is
   * synced, so that it stays. False: there is a file already.
   */
  async #create(seal: Seal): Promise<boolean> {
    const lines = Array.from({ length: SLOTS }, () => `${' '.repeat(LINE - 1)}\n`);
    lines[Number(seal.height % BigInt(SLOTS))] = lineOf(seal);
    const partial = `${this.where}.${randomToken()}.partial`;
    const file = await open(partial, 'wx', 0o600);
    try {
      await file.writeFile(lines.join(''), 'latin1');
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(partial, this.where);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await unlink(partial);
    }
    const folder = await open(dirname(this.where), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return true;
  }

  #failed(done: 'read' | 'written', error: unknown): Transient {
    return new Transient(
      `the witness ${this.where} can not be ${done}: ${messageOf(error)}; nothing is signed without it`,
      { cause: error },
    );
  }
}

function lineOf({ height, hash }: Seal): string {
  const body = `${height} ${hash}`;
  return `${`${body} ${sumOf(body)}`.padEnd(LINE - 1)}\n`;
}

function sumOf(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

function highest(text: string): Seal | null {
  let found: Seal | null = null;
  for (const line of text.split('\n')) {
    const [, body = '', height = '', hash = '', sum] =
      /^(([0-9]+) (0x[0-9a-f]{64})) ([0-9a-f]{16}) *$/.exec(line) ?? [];
    if (sum !== sumOf(body)) continue;
    const seal = { height: BigInt(height), hash: hash as Hex };
    if (found === null || seal.height > found.height) found = seal;
  }
  return found;
}
