import type { Db, Sql } from '../../base/db/index.ts';
import { MAKES_IDS } from './sealed.ts';

/** Who held a lock for writing on a table that gives ids, at the moment `until`. */
type Look = { until: Date; writers: string[] };

/** By which the database's clock may step back without a row being born below the frontier. */
const CLOCK_MARGIN_MS = 1_000;

const WRITERS = `SELECT DISTINCT l.virtualtransaction AS writer FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.virtualtransaction = ANY(coalesce($2, ARRAY[l.virtualtransaction]))
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.relation = ANY(SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name)`;

async function writersOf(sql: Sql, among: readonly string[] | null): Promise<string[]> {
  const { rows } = await sql.query<{ writer: string }>(WRITERS, [MAKES_IDS, among]);
  return rows.map((row) => row.writer);
}

/**
 * How far the past is finished: below a frontier no row of a sealed table will ever appear again. Ids are UUIDv7 of the
 * database's clock, made by a statement that holds a writer's lock on a table of MAKES_IDS until its transaction ends. So
 * whoever made an id before a moment either held such a lock at that moment or has ended: once all that held one then
 * have ended, the moment is a frontier. (CREATE INDEX CONCURRENTLY waits for writers in the same way.) No row needs a
 * mark for it, and nobody waits but the seal.
 */
export class Frontier {
  #look: Look | null = null;
  #reached: Date | null = null;

  /** The newest frontier that is known, null before the first. Rests on what was looked at the last time. */
  async advance(db: Db): Promise<Date | null> {
    if (this.#look !== null && (await writersOf(db, this.#look.writers)).length === 0) {
      this.#reached = this.#look.until;
      this.#look = null;
    }
    if (this.#look === null) {
      const { rows } = await db.query<{ until: Date }>(
        `SELECT clock_timestamp() - make_interval(secs => $1::float8 / 1000) AS until`,
        [CLOCK_MARGIN_MS],
      );
      // After the clock was read: whoever had made an id by then is among these, or has ended.
      this.#look = { until: rows[0]!.until, writers: await writersOf(db, null) };
      if (this.#look.writers.length === 0) {
        this.#reached = this.#look.until;
        this.#look = null;
      }
    }
    return this.#reached;
  }
}
