import type { Sql } from '../../../../base/db/index.ts';
import type { PastSource } from '../../../../books/policy/index.ts';

/** Ids begin with their time. What has a later one than `since` is shown; what is between only fills the windows. */
type Days = { begins: string; since: string };

export type PastSpan = {
  since: string;
  /** The id behind which reading begins. */
  after: string;
  /** How many stand behind it. */
  total: number;
  /** More than may be looked at do: the oldest are left out. */
  truncated: boolean;
};

/** The last days, and before them as far back as windows reach. */
export async function daysOf(
  sql: Sql,
  { days, warmUpMs }: { days: number; warmUpMs: number },
): Promise<Days> {
  const { rows } = await sql.query<Days>(
    `SELECT payonce_uuid_at(now() - $1 * interval '1 day') AS since,
       payonce_uuid_at(now() - $1 * interval '1 day' - $2 * interval '1 millisecond') AS begins`,
    [days, warmUpMs],
  );
  return rows[0]!;
}

export async function spanOf(
  source: PastSource,
  sql: Sql,
  { tenantId, most, begins, since }: Days & { tenantId: string; most: number },
): Promise<PastSpan> {
  const wanted = { tenantId, after: begins, limit: most + 1 };
  const { total, oldest } = await source.newest(sql, wanted);
  return oldest !== null && total > most
    ? { since, after: oldest, total: most, truncated: true }
    : { since, after: begins, total, truncated: false };
}
