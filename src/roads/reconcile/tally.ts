import type { Sql } from '../../base/db/index.ts';
import type { Asked, Law } from './laws.ts';

/** A row that breaks a law: what it is about, what stands there and what should. */
type Break = { subject: string; found: string; expected: string };

export type LawResult = {
  law: string;
  sentence: string;
  status: 'ok' | 'broken' | 'skipped';
  /** All of them; `first` holds the first 20. */
  breaks: number;
  first: Break[];
  /** Why it was not asked, or not wholly. */
  reason: string | null;
};

const TOLD = 20;

type Entry = { law: Law; breaks: number; first: Break[]; reason: string | null };

/** Asks laws page by page and adds up what breaks them; what it remembers does not grow with the pages. */
export class Tally {
  readonly #entries: Entry[];

  constructor(laws: readonly Law[]) {
    this.#entries = laws.map((law) => ({ law, breaks: 0, first: [], reason: null }));
  }

  /** Whether any law wants facts of this kind. */
  wants(...asks: readonly Asked[]): boolean {
    return this.#entries.some(({ law }) => asks.includes(law.asks));
  }

  /** Asks every law of a kind about the given facts. */
  async ask(sql: Sql, asks: Asked, facts: Record<string, unknown>): Promise<void> {
    const json = JSON.stringify(facts);
    // Whole tables are joined by hash, whatever statistics say of tables that were empty a minute ago; a page
    // of facts looks its rows up by key.
    const whole = asks === 'main' || asks === 'signer';
    await sql.query(`SELECT set_config('enable_nestloop', $1, true)`, [whole ? 'off' : 'on']);
    for (const entry of this.#entries) {
      if (entry.law.asks === asks) await askOne(sql, entry, json);
    }
  }

  /** A law that is broken already stays so: what was found is true whatever could not be asked. */
  skip(asks: readonly Asked[], reason: string): void {
    for (const entry of this.#entries) {
      if (asks.includes(entry.law.asks)) entry.reason ??= reason;
    }
  }

  results(): LawResult[] {
    return this.#entries.map(({ law, breaks, first, reason }) => ({
      law: law.name,
      sentence: law.sentence,
      status: breaks > 0 ? 'broken' : reason === null ? 'ok' : 'skipped',
      breaks,
      first,
      reason,
    }));
  }
}

async function askOne(sql: Sql, entry: Entry, json: string): Promise<void> {
  const { rows } = await sql.query<Break & { total: bigint }>(
    // The comment names the law in pg_stat_activity.
    `-- ${entry.law.name}
     SELECT l.subject::text, coalesce(l.found::text, 'nothing') AS found, coalesce(l.expected::text, 'nothing') AS expected,
       count(*) OVER () AS total
     FROM (${entry.law.query}) l ORDER BY 1, 2 LIMIT ${TOLD}`,
    entry.law.query.includes('$1') ? [json] : [],
  );
  entry.breaks += Number(rows[0]?.total ?? 0n);
  for (const { subject, found, expected } of rows) {
    if (entry.first.length < TOLD) entry.first.push({ subject, found, expected });
  }
}
