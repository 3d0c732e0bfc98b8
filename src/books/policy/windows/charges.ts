import type { Sql } from '../../../base/db/index.ts';
import { Transient } from '../../../base/kernel/index.ts';
import type { Limit } from '../evaluate/limit.ts';
import { addTo, bucketOf, type Charge, type Counter, counterWith, type Spends } from './book.ts';
import { counterGetForUpdate, writeCounters } from './counters.ts';

type Numbers = { decisionId(subjectId: string): string; limitNo(limit: Limit): number };

/** Writes what decisions took. */
export async function insertCharges(
  sql: Sql,
  charges: readonly Charge[],
  { decisionId, limitNo }: Numbers,
): Promise<void> {
  if (charges.length === 0) return;
  const lists = new Map<string, number>();
  const places = charges.map(({ takes }) => {
    const list = takes.map(({ limit }) => limitNo(limit)).join(',');
    const place = lists.get(list) ?? lists.size + 1;
    lists.set(list, place);
    return place;
  });
  await sql.query({
    name: 'policy_charge_insert',
    text: `WITH list AS MATERIALIZED (
        SELECT nos::int[] AS limit_nos, place FROM unnest($7::text[]) WITH ORDINALITY AS l(nos, place)
      )
      INSERT INTO policy_charge (subject_id, decision_id, tenant_id, amount, at, counter_ids, limit_nos)
      SELECT subject_id, decision_id, tenant_id, amount, to_timestamp($5::bigint / 1000.0), counter_ids::uuid[], limit_nos
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::numeric[], $6::text[], $8::int[])
        AS u(subject_id, decision_id, tenant_id, amount, counter_ids, place) JOIN list USING (place)`,
    values: [
      charges.map(({ subjectId }) => subjectId),
      charges.map(({ subjectId }) => decisionId(subjectId)),
      charges.map(({ tenantId }) => tenantId),
      charges.map(({ amount }) => amount),
      charges[0]!.at,
      // Arrays of arrays have one length: these are written as text. Lists of limits are few, and read once.
      charges.map(({ takes }) => {
        const ids = takes.map(({ before }) => before.counter.counterId).filter(isFirst);
        return `{${ids.join(',')}}`;
      }),
      [...lists.keys()].map((list) => `{${list}}`),
      places,
    ],
  });
}

/** A subject has one counter in each dimension, on which several limits may count it. */
const isFirst = (id: string, place: number, all: readonly string[]) => all.indexOf(id) === place;

/** One counter and meter that a charge is on. */
type Entry = {
  subject_id: string;
  decision_id: string;
  amount: bigint;
  at_ms: bigint;
  counter_id: string;
  meter: string;
  bucket_ms: bigint | null;
};

const UNRELEASED = `SELECT c.subject_id, c.decision_id, c.amount, (extract(epoch FROM c.at) * 1000)::bigint AS at_ms,
    e.counter_id, l.meter, l.bucket_ms
  FROM policy_charge c CROSS JOIN LATERAL unnest(c.counter_ids) AS e(counter_id)
  LEFT JOIN policy_counter k USING (counter_id)
  LEFT JOIN policy_limit l ON l.limit_no = ANY(c.limit_nos) AND l.dimension = k.dimension
  WHERE c.subject_id = ANY($1::uuid[]) AND c.released_at IS NULL
  GROUP BY 1, 2, 3, 4, 5, 6, 7`;

/** Windows that stand locked until the transaction ends, so that what subjects took can be given back. */
type HeldWindows = { giveBack(sql: Sql, subjectIds: ReadonlySet<string>): Promise<void> };

/**
 * Locks the windows that these subjects took from: before accounts, as lockWindows does. giveBack then returns the
 * budget of those of them that ended, in the same transaction; a charge is released once, whoever asks again. It throws
 * Transient where somebody decided anew about one of them since its windows were read: those of that decision are not held.
 */
export async function holdWindows(sql: Sql, subjectIds: readonly string[]): Promise<HeldWindows> {
  const unreleased = await readUnreleased(sql, subjectIds);
  const ids = [...new Set(unreleased.entries.map((row) => row.counter_id))];
  const spends = ids.length === 0 ? new Map() : (await counterGetForUpdate(sql, ids)).rows;
  const held = { ...unreleased, spends };
  return {
    giveBack: (own, ended) =>
      giveBack(
        own,
        subjectIds.filter((id) => ended.has(id)),
        held,
      ),
  };
}

type Unreleased = { entries: Entry[]; decisionIds: string[] };

/** A charge of which no window is known any more is of its decision all the same. */
async function readUnreleased(sql: Sql, subjectIds: readonly string[]): Promise<Unreleased> {
  if (subjectIds.length === 0) return { entries: [], decisionIds: [] };
  const { rows } = await sql.query<Omit<Entry, 'meter'> & { meter: string | null }>({
    name: 'policy_charge_unreleased',
    text: UNRELEASED,
    values: [subjectIds],
  });
  return {
    entries: rows.flatMap((row) => (row.meter === null ? [] : { ...row, meter: row.meter })),
    decisionIds: [...new Set(rows.map((row) => row.decision_id))],
  };
}

/** The counters that these subjects took from. */
export async function countersTaken(sql: Sql, subjectIds: readonly string[]): Promise<string[]> {
  return (await readUnreleased(sql, subjectIds)).entries.map((row) => row.counter_id);
}

async function giveBack(
  sql: Sql,
  ended: readonly string[],
  held: Unreleased & { spends: ReadonlyMap<string, Spends> },
): Promise<void> {
  if (ended.length === 0) return;
  const { rows } = await sql.query<{ subject_id: string; held: boolean }>({
    name: 'policy_charge_release',
    text: `UPDATE policy_charge SET released_at = now()
      WHERE subject_id = ANY($1::uuid[]) AND released_at IS NULL
      RETURNING subject_id, decision_id = ANY($2::uuid[]) AS held`,
    values: [ended, held.decisionIds],
  });
  const anew = rows.find((row) => !row.held);
  if (anew !== undefined) {
    throw new Transient(`${anew.subject_id} was decided anew while it ended`);
  }
  const released = new Set(rows.map((row) => row.subject_id));
  const changed = new Map<string, Counter>();
  for (const entry of held.entries) {
    const spends = held.spends.get(entry.counter_id);
    if (!released.has(entry.subject_id) || spends === undefined) continue;
    takeBack(spends, entry);
    const row = { counterId: entry.counter_id, tenantId: '', dimension: '', name: '' };
    changed.set(entry.counter_id, counterWith(row, spends));
  }
  await writeCounters(sql, [...changed.values()]);
}

/** A bucket that was forgotten has nothing to give back. */
function takeBack(spends: Spends, { meter, bucket_ms, at_ms, amount }: Entry): void {
  const bucketMs = bucket_ms === null ? null : Number(bucket_ms);
  const bucket = bucketOf({ bucketMs }, Number(at_ms));
  if (spends[meter]?.some(([start]) => start === bucket)) {
    addTo(spends, meter, bucket, { amount: -amount, count: -1 });
  }
}
