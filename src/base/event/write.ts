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
    `INSERT INTO event (tenant_id, type, subject_id, correlation_id, data)
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::jsonb[])`,
    [
      events.map((event) => event.tenantId),
      events.map((event) => event.type),
      events.map((event) => event.subjectId ?? null),
      events.map((event) => event.correlationId ?? null),
      events.map((event) => (event.data === undefined ? null : JSON.stringify(event.data))),
    ],
  );
}
