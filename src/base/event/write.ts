import type { Sql } from '../db/index.ts';

type NewEvent = {
  tenantId: string | null;
  type: string;
  subjectId?: string;
  correlationId?: string;
  data?: Record<string, unknown>;
};

/** Events that are not moves of a machine: a halted chain, a paused lane. Moves are written by advance(). */
export async function writeEvents(sql: Sql, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql.query(
    `INSERT INTO event_batch (tenant_id, type, size, subject_ids, correlation_ids, data)
     SELECT tenant_id, type, 1, ARRAY[subject_id], ARRAY[correlation_id],
       CASE WHEN data IS NOT NULL THEN json_build_array(data) END
     FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::json[])
       AS u(tenant_id, type, subject_id, correlation_id, data)`,
    [
      events.map((event) => event.tenantId),
      events.map((event) => event.type),
      events.map((event) => event.subjectId ?? null),
      events.map((event) => event.correlationId ?? null),
      events.map((event) => (event.data === undefined ? null : JSON.stringify(event.data))),
    ],
  );
}
