import type { Sql } from '../../base/db/index.ts';
import { type Clock, keyHash } from '../../base/kernel/index.ts';

/** A signature's claim to be new; times in seconds since the epoch. */
type Claim = { keyId: string; nonce: string; created: number; expires: number | null };
type NonceVerdict = 'taken' | 'reused' | 'stale';
type Waiting = Claim & { done: (verdict: NonceVerdict) => void; fail: (error: unknown) => void };

/** How far `created` may be from the database's clock. */
const FRESH_SECONDS = 300;
const FORGET_EVERY_MS = 60_000;

/**
 * Takes each nonce of a key once, on whichever process it comes in. Freshness is judged by the database's clock in
 * the statement that takes the nonce, and nonces are forgotten by the same clock when their signature has long been
 * too old, so nothing that was forgotten can be taken again. Claims that come while a statement is under way
 * form the next. A crash leaves nonces taken of requests that were not served: their clients sign anew.
 */
export class NonceBook {
  readonly #sql: Sql;
  readonly #clock: Clock;
  #waiting = new Map<string, Waiting>();
  #running = false;
  #forgottenAt = Number.NEGATIVE_INFINITY;

  constructor(options: { sql: Sql; clock: Clock }) {
    this.#sql = options.sql;
    this.#clock = options.clock;
  }

  /** Rejects when the database did not answer: the nonce may be taken, and nothing else has happened. */
  async take(claim: Claim): Promise<NonceVerdict> {
    const hash = keyHash('signature-nonce', claim.keyId, claim.nonce);
    // The other one of the same statement has it, or both are stale.
    if (this.#waiting.has(hash)) return 'reused';
    return await new Promise((done, fail) => {
      this.#waiting.set(hash, { ...claim, done, fail });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.size > 0) {
      const batch = this.#waiting;
      this.#waiting = new Map();
      try {
        for (const [hash, verdict] of await this.#insert(batch)) batch.get(hash)!.done(verdict);
      } catch (error) {
        for (const { fail } of batch.values()) fail(error);
      }
      await this.#forget();
    }
    this.#running = false;
  }

  async #insert(batch: ReadonlyMap<string, Waiting>): Promise<[string, NonceVerdict][]> {
    const claims = [...batch].sort(([a], [b]) => (a < b ? -1 : 1));
    const { rows } = await this.#sql.query<{ hash: string; verdict: NonceVerdict }>({
      name: 'signature_nonce_take',
      text: `
        WITH claim AS MATERIALIZED (
          SELECT h, to_timestamp(c) AS created, abs(n - c) <= $4 AND (e IS NULL OR e > n) AS fresh
          FROM unnest($1::uuid[], $2::float8[], $3::float8[]) AS u(h, c, e),
            (SELECT extract(epoch FROM clock_timestamp())::float8) AS now(n)
        ), taken AS (
          INSERT INTO signature_nonce (nonce_hash, created) SELECT h, created FROM claim WHERE fresh ORDER BY h
          ON CONFLICT (nonce_hash) DO NOTHING RETURNING nonce_hash
        )
        SELECT h AS hash, CASE WHEN NOT fresh THEN 'stale' WHEN nonce_hash IS NULL THEN 'reused'
          ELSE 'taken' END AS verdict
        FROM claim LEFT JOIN taken ON nonce_hash = h`,
      values: [
        claims.map(([hash]) => hash),
        claims.map(([, { created }]) => created),
        claims.map(([, { expires }]) => expires),
        FRESH_SECONDS,
      ],
    });
    return rows.map(({ hash, verdict }) => [hash, verdict]);
  }

  /** Three times the age at which a signature is refused: a clock that is set back a little brings none to life. */
  async #forget(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#forgottenAt < FORGET_EVERY_MS) return;
    this.#forgottenAt = now;
    await this.#sql
      .query(
        'DELETE FROM signature_nonce WHERE created < clock_timestamp() - make_interval(secs => $1)',
        [3 * FRESH_SECONDS],
      )
      // What fails now is done a minute later, here or elsewhere.
      .catch(() => {});
  }
}
