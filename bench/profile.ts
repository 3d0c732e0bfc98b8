import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from '../src/base/db/index.ts';

/** What PostgreSQL needs to count time and rows by statement; ships with the embedded server. */
export const PROFILE_SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.max': '10000',
  'pg_stat_statements.track_planning': 'on',
};

export async function beginStatements(owner: Db): Promise<void> {
  await owner.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  await owner.query('SELECT pg_stat_statements_reset()');
}

/** Statements of this database by total time, one a line: time, planning, calls, mean, rows, pages touched, WAL, text. */
export async function writeStatements(owner: Db, folder: string, name: string): Promise<void> {
  const { rows } = await owner.query<Record<string, number> & { query: string }>(
    `SELECT total_exec_time + total_plan_time AS total, total_plan_time AS planning, calls::int, mean_exec_time AS mean, rows::int,
       (shared_blks_hit + shared_blks_read)::float8 AS pages, wal_bytes::float8 AS wal,
       regexp_replace(query, '\\s+', ' ', 'g') AS query
     FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = current_database()
     ORDER BY 1 DESC LIMIT 80`,
  );
  const lines = rows.map(({ total, planning, calls, mean, rows: count, pages, wal, query }) =>
    [
      `${total!.toFixed(0)} ms`,
      `${planning!.toFixed(0)} ms planning`,
      `${calls} calls`,
      `${mean!.toFixed(2)} ms each`,
      `${count} rows`,
      `${pages!.toFixed(0)} pages`,
      `${(wal! / 1_024).toFixed(0)} KiB WAL`,
      query.slice(0, 160),
    ].join('\t'),
  );
  writeFileSync(join(folder, `statements-${name}.tsv`), `${lines.join('\n')}\n`);
}
