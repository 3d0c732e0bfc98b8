import type { EventRow } from '../../../base/event/index.ts';

/** One event of a tenant; its place in the commit order becomes the cursor that clients see. */
export type EventView = {
  position: bigint;
  id: string;
  /** `withdrawal.reserved`, `tx.included` for a move of a machine; else the event's own name. */
  type: string;
  subjectId: string | null;
  withdrawalId: string | null;
  from: string | null;
  to: string | null;
  correlationId: string | null;
  data: Record<string, unknown> | null;
  at: string;
};

/** What the history stored, as clients see it. */
export function eventView(row: EventRow): EventView {
  const moved = row.toState === null ? '' : `.${row.toState.toLowerCase()}`;
  return {
    position: row.position,
    id: row.eventId,
    type: `${row.type}${moved}`,
    subjectId: row.subjectId,
    withdrawalId: row.type === 'withdrawal' ? row.subjectId : row.ownerId,
    from: row.fromState,
    to: row.toState,
    correlationId: row.correlationId,
    data: row.data,
    at: row.at.toISOString(),
  };
}
