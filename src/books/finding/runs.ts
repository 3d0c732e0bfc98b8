import type { Sql } from '../../base/db/index.ts';

/** A run that lasts longer may meet another one, which finds the same. */
const LEASE_MINUTES = 10;

/** Those of these checks that have not begun for so long. One that never ran counts from when it was first asked about. */
export async function readDueChecks(
  sql: Sql,
  schedule: readonly { check: string; everyMs: number }[],
): Promise<string[]> {
  const { rows } = await sql.query<{ check: string; known: boolean; due: boolean }>({
    name: 'check_due',
    text: `
      SELECT s.name AS check, r.check_name IS NOT NULL AS known,
        coalesce(coalesce(r.started_at, r.created_at) <= now() - s.every_ms * interval '1 millisecond'
          AND (r.lease_until IS NULL OR r.lease_until < now()), false) AS due
      FROM unnest($1::text[], $2::float8[]) AS s(name, every_ms)
      LEFT JOIN check_run r ON r.check_name = s.name`,
    values: [schedule.map(({ check }) => check), schedule.map(({ everyMs }) => everyMs)],
  });
  const unknown = rows.filter((row) => !row.known).map((row) => row.check);
  if (unknown.length > 0) {
    await sql.query(
      'INSERT INTO check_run (check_name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING',
      [unknown],
    );
  }
  return rows.filter((row) => row.due).map((row) => row.check);
}

/** Takes the lease of a check's run; false: another process runs it, or began it within `everyMs`. */
export async function beginCheck(
  sql: Sql,
  check: string,
  owner: string,
  everyMs: number,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `INSERT INTO check_run AS r (check_name, started_at, lease_owner, lease_until)
     VALUES ($1, now(), $2, now() + $4 * interval '1 minute')
     ON CONFLICT (check_name) DO UPDATE SET started_at = now(), lease_owner = $2, lease_until = excluded.lease_until
     WHERE (r.lease_until IS NULL OR r.lease_until < now())
       AND coalesce(r.started_at, r.created_at) <= now() - $3 * interval '1 millisecond'`,
    [check, owner, everyMs, LEASE_MINUTES],
  );
  return (rowCount ?? 0) > 0;
}

/** Gives the lease back; `findings` is null where the run failed. */
export async function endCheck(
  sql: Sql,
  check: string,
  owner: string,
  findings: number | null,
): Promise<void> {
  await sql.query(
    `UPDATE check_run SET lease_owner = NULL, lease_until = NULL, findings = coalesce($3, findings),
       finished_at = CASE WHEN $3 IS NULL THEN finished_at ELSE now() END
     WHERE check_name = $1 AND lease_owner = $2`,
    [check, owner, findings],
  );
}
