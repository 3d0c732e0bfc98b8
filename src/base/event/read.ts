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
    text: `
      SELECT o.position, e.event_id AS "eventId", e.type, e.subject_id AS "subjectId",
        e.owner_id AS "ownerId", e.from_state AS "fromState", e.to_state AS "toState",
        e.correlation_id AS "correlationId", e.data, e.at
      FROM (SELECT position, event_id FROM event_order
        WHERE tenant_id = $1 AND position > $2 ORDER BY position LIMIT $3) o
      JOIN event e ON e.event_id = o.event_id
      ORDER BY o.position`,
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
