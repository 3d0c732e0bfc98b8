import { LostRace, type Sql } from '../../../base/db/index.ts';
import type { CompiledPolicy } from '../evaluate/compile.ts';
import { dimensionOf, type PolicySubject } from '../evaluate/subject.ts';
import { type Counter, type Spends, WindowBook, Windows } from './book.ts';

/** What subjects may be charged on: asks nobody, so that it can be put together while a statement runs. */
export function windowsOf(policy: CompiledPolicy, subjects: readonly PolicySubject[]): Windows {
  const windows = new Windows();
  for (const subject of subjects) {
    const { tenantId } = subject;
    for (const { per, counts } of policy.about(subject).dimensions) {
      const name = dimensionOf(subject, per);
      if (name === null || windows.has(tenantId, per, name) || !counts(subject)) continue;
      windows.add(tenantId, per, name);
    }
  }
  return windows;
}

/**
 * Locks windows in the order of ids: before accounts, after keys. Who asks for the same window waits here until this
 * transaction ends, so a limit is never exceeded, whatever runs beside it.
 */
export async function lockWindows(sql: Sql, windows: Windows): Promise<WindowBook> {
  const { at, rows } = await counterGetForUpdate(sql, idsOf(windows));
  windows.fill(rows);
  return new WindowBook(at, windows);
}

/** The same without locks, for answers that promise nothing. */
export async function readWindows(sql: Sql, windows: Windows): Promise<WindowBook> {
  const { rows } = await sql.query<{ counter_id: string | null; spends: Spends; at: bigint }>({
    name: 'policy_counter_get',
    text: `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at, c.counter_id, c.spends
      FROM (SELECT 1) one LEFT JOIN policy_counter c ON c.counter_id = ANY($1::uuid[])`,
    values: [idsOf(windows)],
  });
  windows.fill(
    new Map(rows.flatMap(({ counter_id: id, spends }) => (id === null ? [] : [[id, spends]]))),
  );
  return new WindowBook(Number(rows[0]!.at), windows);
}

export const idsOf = ({ all }: Windows) => all.map(({ counterId }) => counterId);

export async function counterGetForUpdate(
  sql: Sql,
  ids: readonly string[],
): Promise<{ at: number; rows: Map<string, Spends> }> {
  const { rows } = await sql.query<{ ids: string | null; spends: Spends[]; at: bigint }>({
    name: 'policy_counter_lock',
    // The clock is read when every lock is held: who comes later is never earlier. One row for all: each of its own was
    // parsed by itself, and told the time.
    text: `WITH locked AS MATERIALIZED (
        SELECT counter_id, spends FROM policy_counter WHERE counter_id = ANY($1::uuid[])
        ORDER BY counter_id FOR UPDATE
      ), held AS MATERIALIZED (
        SELECT string_agg(counter_id::text, ' ') AS ids, json_agg(spends) AS spends FROM locked
      )
      SELECT ids, spends, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at FROM held`,
    values: [ids],
  });
  const { ids: found, spends, at } = rows[0]!;
  const locked = found?.split(' ') ?? [];
  return { at: Number(at), rows: new Map(locked.map((id, place) => [id, spends[place]!])) };
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
        FROM ROWS FROM (unnest($1::uuid[]), jsonb_array_elements($2::jsonb)) AS u(counter_id, spends)
        WHERE c.counter_id = u.counter_id AND c.counter_id = ANY($1::uuid[])`,
      values: [
        stored.map(({ counterId }) => counterId),
        JSON.stringify(stored.map(({ spends }) => spends)),
      ],
    });
  }
  if (fresh.length === 0) return;
  const inserted = sql.query({
    name: 'policy_counter_insert',
    text: `INSERT INTO policy_counter (counter_id, tenant_id, dimension, name, spends)
      SELECT * FROM ROWS FROM (unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]), jsonb_array_elements($5::jsonb))`,
    values: [
      fresh.map(({ counterId }) => counterId),
      fresh.map(({ tenantId }) => tenantId),
      fresh.map(({ dimension }) => dimension),
      fresh.map(({ name }) => name),
      JSON.stringify(fresh.map(({ spends }) => spends)),
    ],
  });
  // Waits for another that is inserting the same; to look for it first cost a quarter of the insert.
  await inserted.catch((error: { code?: string }) => {
    if (error.code === UNIQUE_VIOLATION)
      throw new LostRace('another worker opened the same window');
    throw error;
  });
}

const UNIQUE_VIOLATION = '23505';
