import type { Sql } from '../db/index.ts';

export type EventRow = {
  position: bigint;
  eventId: string;
  type: string;
  subjectId: string | null;
  ownerId: string | null;
  fromState: string | null;
  toState: string | null;
  correlationId: string | null;
  data: Record<string, unknown> | null;
  at: Date;
};

/** The tenant's events after a position, in commit order. */
export async function readEvents(
  sql: Sql,
  query: { tenantId: string; after: bigint; limit: number },
): Promise<EventRow[]> {
  const { rows } = await sql.query<EventRow>({
    name: 'event_read',
    // A position may lie within a batch; batches are taken until they hold as many events as were asked for.
    text: `
      SELECT o.position - o.size + i.n AS position, payonce_event_id(e.batch_id, i.n) AS "eventId", e.type,
        i.subject_id AS "subjectId", e.owner_ids[i.n] AS "ownerId", e.from_state AS "fromState",
        e.to_state AS "toState", e.correlation_ids[i.n] AS "correlationId",
        nullif(d.data::jsonb, 'null') AS data, e.at
      FROM (
        SELECT *, sum(position - greatest(position - size, $2)) OVER (ORDER BY position) AS held,
          position - greatest(position - size, $2) AS holds
        FROM (SELECT position, batch_id, size FROM event_order
          WHERE tenant_id = $1 AND position > $2 ORDER BY position LIMIT $3) next
      ) o
      JOIN event_batch e ON e.batch_id = o.batch_id
      CROSS JOIN LATERAL unnest(e.subject_ids) WITH ORDINALITY AS i(subject_id, n)
      LEFT JOIN LATERAL json_array_elements(e.data) WITH ORDINALITY AS d(data, n) ON d.n = i.n
      WHERE o.held - o.holds < $3 AND o.position - o.size + i.n > $2
      ORDER BY 1 LIMIT $3`,
    values: [query.tenantId, query.after, query.limit],
  });
  return rows;
}

/** The position of the newest event of the tenant, 0 when there is none. */
export async function lastPosition(sql: Sql, tenantId: string): Promise<bigint> {
  const { rows } = await sql.query<{ position: bigint | null }>(
    'SELECT max(position) AS position FROM event_order WHERE tenant_id = $1',
    [tenantId],
  );
  return rows[0]?.position ?? 0n;
}

/** Changes whenever positions start anew (a restored database): cursors carry it. */
export async function historyEpoch(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ epoch: string }>('SELECT epoch::text FROM event_sequencer');
  return rows[0]!.epoch;
}
