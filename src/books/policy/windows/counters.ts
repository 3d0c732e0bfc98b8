import { LostRace, type Sql } from '../../../base/db/index.ts';
import type { CompiledPolicy } from '../evaluate/compile.ts';
import { dimensionOf, type PolicySubject } from '../evaluate/subject.ts';
import { type Counter, type CounterRow, counterOf, type Spends, WindowBook } from './book.ts';

/** The counters that subjects may be charged on, each once. */
function countersOf(policy: CompiledPolicy, subjects: readonly PolicySubject[]): CounterRow[] {
  const found = new Map<string, CounterRow>();
  for (const rule of policy.rules) {
    for (const { meter, asset } of rule.limits) {
      for (const subject of subjects) {
        if ((asset !== null && asset !== subject.asset) || !rule.mayMatch(subject)) continue;
        const name = dimensionOf(subject, meter.per);
        if (name === null) continue;
        const place = `${subject.tenantId}|${meter.per}|${name}`;
        if (!found.has(place)) found.set(place, counterOf(subject.tenantId, meter.per, name));
      }
    }
  }
  return [...found.values()];
}

/**
 * Locks what these subjects may spend from, in the order of ids: before accounts, after keys. Who asks for the same
 * window waits here until this transaction ends, so a limit is never exceeded, whatever runs beside it.
 */
export async function lockWindows(
  sql: Sql,
  policy: CompiledPolicy,
  subjects: readonly PolicySubject[],
): Promise<WindowBook> {
  const wanted = countersOf(policy, subjects);
  const { at, rows } = await counterGetForUpdate(
    sql,
    wanted.map(({ counterId }) => counterId),
  );
  const counters = wanted.map((counter): Counter => {
    const spends = rows.get(counter.counterId);
    return { ...counter, spends: spends ?? {}, stored: spends !== undefined };
  });
  return new WindowBook(at, counters);
}

export async function counterGetForUpdate(
  sql: Sql,
  ids: readonly string[],
): Promise<{ at: number; rows: Map<string, Spends> }> {
  const { rows } = await sql.query<{ counter_id: string | null; spends: Spends; at: bigint }>({
    name: 'policy_counter_lock',
    // The clock is read when every lock is held: who comes later is never earlier.
    text: `WITH locked AS MATERIALIZED (
        SELECT counter_id, spends FROM policy_counter WHERE counter_id = ANY($1::uuid[])
        ORDER BY counter_id FOR UPDATE
      ), held AS MATERIALIZED (SELECT count(*) FROM locked)
      SELECT c.counter_id, c.spends, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at
      FROM held LEFT JOIN locked c ON true`,
    values: [ids],
  });
  const found = rows.flatMap((row): [string, Spends][] =>
    row.counter_id === null ? [] : [[row.counter_id, row.spends]],
  );
  return { at: Math.max(...rows.map((row) => Number(row.at))), rows: new Map(found) };
}

/**
 * Writes counters that are locked, and those that did not exist. Throws LostRace when another transaction
 * made one of these meanwhile: run again, it is locked.
 */
export async function writeCounters(sql: Sql, counters: readonly Counter[]): Promise<void> {
  const stored = counters.filter((counter) => counter.stored);
  const fresh = counters
    .filter((counter) => !counter.stored)
    .sort((a, b) => (a.counterId < b.counterId ? -1 : 1));
  if (stored.length > 0) {
    await sql.query({
      name: 'policy_counter_update',
      text: `UPDATE policy_counter c SET spends = u.spends, updated_at = now()
        FROM unnest($1::uuid[], $2::jsonb[]) AS u(counter_id, spends)
        WHERE c.counter_id = u.counter_id AND c.counter_id = ANY($1::uuid[])`,
      values: [stored.map(({ counterId }) => counterId), stored.map(({ spends }) => spends)],
    });
  }
  if (fresh.length === 0) return;
  const { rowCount } = await sql.query({
    name: 'policy_counter_insert',
    text: `INSERT INTO policy_counter (counter_id, tenant_id, dimension, name, spends)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[])
      ON CONFLICT DO NOTHING`,
    values: [
      fresh.map(({ counterId }) => counterId),
      fresh.map(({ tenantId }) => tenantId),
      fresh.map(({ dimension }) => dimension),
      fresh.map(({ name }) => name),
      fresh.map(({ spends }) => spends),
    ],
  });
  if (rowCount !== fresh.length) throw new LostRace('another worker opened the same window');
}
