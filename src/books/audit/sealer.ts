import type { Db } from '../../base/db/index.ts';
import { Frontier } from './frontier.ts';
import { sealNext } from './seal.ts';

/** One process's part of the sealing: it seals what is finished. */
export class Sealer {
  readonly #db: Db;
  readonly #frontier = new Frontier();

  constructor(db: Db) {
    this.#db = db;
  }

  /** True when more may be to be sealed at once. */
  async round(): Promise<boolean> {
    const frontier = await this.#frontier.advance(this.#db);
    return frontier !== null && (await sealNext(this.#db, frontier)) !== null;
  }
}
