import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import { type Address, fromHex } from '../../base/kernel/index.ts';

export type Place = { chainId: number; address: Address };

/** What a provider or a list says of an address. */
export type Risk = {
  /** 0 to 100. */
  score: number;
  /** `sanctions` is never paid; other words are the provider's. */
  category: string | null;
  source: string;
};

/** What is known of a place. `wanted`: nobody has been asked yet. `unavailable`: who was asked did not say. */
export type Screened =
  | ({ kind: 'known'; at: number } & Risk)
  | { kind: 'wanted' }
  | { kind: 'unavailable'; reason: string };

type Row = {
  known: boolean;
  at: number | null;
  score: number | null;
  category: string | null;
  source: string | null;
  failure: string | null;
};

/** What is known of these places, in order, and not older than `maxAgeMs` by the database's clock. One look-up. */
export async function readScreened(
  sql: Sql,
  places: readonly Place[],
  maxAgeMs: number,
): Promise<Screened[]> {
  if (places.length === 0) return [];
  const { rows } = await sql.query<Row>({
    name: 'screening_get',
    // What the database's clock, set back since, calls the future may be of any age.
    text: `SELECT s.screened_at > clock_timestamp() - $3 * interval '1 millisecond'
          AND s.screened_at <= clock_timestamp() AS known,
        (extract(epoch FROM s.screened_at) * 1000)::float8 AS at, s.risk_score AS score, s.category, s.source, s.failure
      FROM unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY AS u(chain_id, address, n)
      LEFT JOIN screening s USING (chain_id, address) ORDER BY n`,
    values: [...columnsOf(places), maxAgeMs],
  });
  return rows.map(({ known, at, score, category, source, failure }): Screened => {
    if (known) {
      return {
        ...{ kind: 'known', at: Math.floor(at!), score: score!, category, source: source! },
      };
    }
    return failure === null ? { kind: 'wanted' } : { kind: 'unavailable', reason: failure };
  });
}

export const WAKE_SCREENING = 'payonce_screening';

/** Asks that these places be screened anew, and wakes who does; one that is asked for already is left as it is. */
export async function wantScreened(sql: Sql, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  await sql.query({
    name: 'screening_want',
    text: `WITH wanted AS (
        INSERT INTO screening AS s (chain_id, address)
        SELECT DISTINCT chain_id, address FROM unnest($1::bigint[], $2::bytea[]) AS u(chain_id, address) ORDER BY 1, 2
        ON CONFLICT (chain_id, address) DO UPDATE SET wanted_at = clock_timestamp(), ask_at = clock_timestamp()
          WHERE s.wanted_at IS NULL
        RETURNING 1
      )
      SELECT pg_notify('${WAKE_SCREENING}', '') FROM wanted LIMIT 1`,
    values: columnsOf(places),
  });
}

/** Places and the moment from which on somebody is asked about them, by the database's clock and as it writes it. */
type Taken = { places: Place[]; askedAt: string };

/**
 * Takes what is to be asked about now, the longest waiting first, for `leaseMs`: nobody else asks about it
 * meanwhile, and what its taker does not answer, crashed or not, is taken again. Null: there is nothing.
 */
export async function takeWanted(
  sql: Sql,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Taken | null> {
  const { rows } = await sql.query<{ chainId: bigint; address: Address; askedAt: string }>({
    name: 'screening_take',
    types: HEX_BYTES,
    text: `WITH due AS MATERIALIZED (
        SELECT chain_id, address FROM screening WHERE wanted_at IS NOT NULL AND ask_at <= clock_timestamp()
        ORDER BY ask_at LIMIT $1 FOR UPDATE SKIP LOCKED
      )
      UPDATE screening s SET ask_at = clock_timestamp() + $2 * interval '1 millisecond'
      FROM due WHERE s.chain_id = due.chain_id AND s.address = due.address
      RETURNING s.chain_id AS "chainId", s.address, statement_timestamp()::text AS "askedAt"`,
    values: [limit, leaseMs],
  });
  const [first] = rows;
  if (first === undefined) return null;
  const places = rows.map(({ chainId, address }) => ({ chainId: Number(chainId), address }));
  return { places, askedAt: first.askedAt };
}

/**
 * Stores what was said when it was asked for. Who answers when its lease is long over takes nothing back that was
 * asked for later.
 */
export async function writeScreened(
  sql: Sql,
  said: readonly (Place & { risk: Risk })[],
  askedAt: string,
): Promise<void> {
  if (said.length === 0) return;
  await sql.query({
    name: 'screening_answer',
    text: `UPDATE screening s SET risk_score = u.score, category = u.category, source = u.source,
        screened_at = $6::timestamptz, wanted_at = NULL, failures = 0, failure = NULL
      FROM unnest($1::bigint[], $2::bytea[], $3::int[], $4::text[], $5::text[])
        AS u(chain_id, address, score, category, source)
      WHERE s.chain_id = u.chain_id AND s.address = u.address
        AND (s.screened_at < $6::timestamptz OR s.screened_at > clock_timestamp()) IS NOT FALSE`,
    values: [
      ...columnsOf(said),
      said.map(({ risk }) => risk.score),
      said.map(({ risk }) => risk.category),
      said.map(({ risk }) => risk.source),
      askedAt,
    ],
  });
}

const LONGEST_MS = 60_000;

/** Nobody said: asked again after a second, doubling to a minute, and not before `notBeforeMs` from now. */
export async function writeUnanswered(
  sql: Sql,
  places: readonly (Place & { failure: string })[],
  notBeforeMs: number,
): Promise<void> {
  if (places.length === 0) return;
  await sql.query({
    name: 'screening_failure',
    text: `UPDATE screening s SET failures = s.failures + 1, failure = u.failure,
        ask_at = clock_timestamp()
          + greatest($4::float8, least($5::float8, 1000 * 2 ^ least(s.failures, 10))) * interval '1 millisecond'
      FROM unnest($1::bigint[], $2::bytea[], $3::text[]) AS u(chain_id, address, failure)
      WHERE s.chain_id = u.chain_id AND s.address = u.address AND s.wanted_at IS NOT NULL`,
    values: [...columnsOf(places), places.map(({ failure }) => failure), notBeforeMs, LONGEST_MS],
  });
}

function columnsOf(places: readonly Place[]): [number[], Buffer[]] {
  return [places.map(({ chainId }) => chainId), places.map(({ address }) => fromHex(address))];
}
