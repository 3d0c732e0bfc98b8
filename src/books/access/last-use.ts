import type { Sql } from '../../base/db/index.ts';
import { type Clock, type Log, messageOf, parseNetwork } from '../../base/kernel/index.ts';

const WRITE_EVERY_MS = 30_000;

/**
 * When and from where keys were used, to the half minute. A use is remembered once until the next writing, which
 * is one statement for all keys; a request costs a look into a map. What a crash forgets is at most the last half
 * minute; what can not be written now is written with the next.
 */
export class LastUse {
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #end = new AbortController();
  #used = new Map<string, string>();
  #running: Promise<void> | null = null;

  constructor(options: { sql: Sql; clock: Clock; log: Log }) {
    this.#sql = options.sql;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** `from` is only asked for its address when the key was not used since the last writing. */
  note(keyId: string, from: { readonly ip: string }): void {
    if (this.#used.has(keyId)) return;
    const { ip } = from;
    // A proxy may pass on as an address what a client wrote; one that is none must not stop the writing.
    this.#used.set(keyId, parseNetwork(ip) === null ? '' : ip);
  }

  /** Sorted, as every process does: two that write the same keys in opposite order would deadlock. */
  async write(): Promise<void> {
    const used = [...this.#used].sort(([a], [b]) => (a < b ? -1 : 1));
    if (used.length === 0) return;
    this.#used = new Map();
    try {
      await this.#sql.query(
        `INSERT INTO api_key_use AS u (key_id, last_used_at, last_used_from)
         SELECT k, clock_timestamp(), nullif(a, '')::inet
         FROM unnest($1::uuid[], $2::text[]) AS n(k, a) JOIN api_key ON key_id = k ORDER BY k
         ON CONFLICT (key_id) DO UPDATE SET last_used_at = greatest(u.last_used_at, excluded.last_used_at),
           last_used_from = excluded.last_used_from`,
        [used.map(([keyId]) => keyId), used.map(([, address]) => address)],
      );
    } catch (error) {
      for (const [keyId, address] of used)
        if (!this.#used.has(keyId)) this.#used.set(keyId, address);
      this.#log.warn({ error: messageOf(error) }, 'the last use of API keys could not be written');
    }
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#clock.sleep(WRITE_EVERY_MS, this.#end.signal);
      await this.write();
    }
  }
}
