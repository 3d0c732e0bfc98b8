import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Faults } from './faults.ts';

export type SecretSource = { env?: string | undefined; file?: string | undefined };

/** Where secrets come from. A value read here is never put in a fault. */
export class Secrets {
  readonly #env: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #faults: Faults;

  constructor(env: NodeJS.ProcessEnv, folder: string, faults: Faults) {
    this.#env = env;
    this.#folder = folder;
    this.#faults = faults;
  }

  /** A path of the file, which is relative to the file's own folder. */
  pathOf(path: string): string {
    return resolve(this.#folder, path);
  }

  /** The secret without its last line break, or undefined and a fault. */
  read(path: string, source: SecretSource): string | undefined {
    if (source.env !== undefined) {
      const value = this.#env[source.env];
      if (value !== undefined && value !== '') return value;
      const found = `environment variable ${source.env} ${value === '' ? 'empty' : 'not set'}`;
      this.#faults.add(path, found, `a value in ${source.env}`);
      return undefined;
    }
    if (source.file === undefined) return undefined;
    const file = this.pathOf(source.file);
    try {
      const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      if (value !== '') return value;
      this.#faults.add(path, `the file ${file} empty`, 'a file that holds the secret');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      this.#faults.add(path, `no readable file ${file} (${code})`, 'a file that holds the secret');
    }
    return undefined;
  }
}
