import type { Sql } from '../../../base/db/index.ts';
import type { HoldName } from '../document/types.ts';

export type Hold = {
  holdId: string;
  tenantId: string;
  subjectId: string;
  decisionId: string;
  rule: string;
  gate: HoldName;
  expiresAt: Date;
  /** By the database's clock at the time of reading. */
  expired: boolean;
  answer: 'cleared' | 'rejected' | 'expired' | 'cancelled' | null;
  answeredBy: string | null;
  reason: string | null;
  correlationId: string | null;
  createdAt: Date;
};

const HOLD = `SELECT h.hold_id AS "holdId", h.tenant_id AS "tenantId", h.subject_id AS "subjectId",
    h.decision_id AS "decisionId", h.rule_id AS rule, h.gate, h.expires_at AS "expiresAt",
    h.expires_at <= clock_timestamp() AS expired, a.answer, a.answered_by AS "answeredBy", a.reason,
    h.correlation_id AS "correlationId", h.created_at AS "createdAt"
  FROM policy_hold h LEFT JOIN policy_hold_answer a USING (hold_id)`;

/** All holds of these subjects. */
export async function readHolds(sql: Sql, subjectIds: readonly string[]): Promise<Hold[]> {
  const { rows } = await sql.query<Hold>({
    name: 'policy_hold_of_subjects',
    text: `${HOLD} WHERE h.subject_id = ANY($1::uuid[]) ORDER BY h.hold_id`,
    values: [subjectIds],
  });
  return rows;
}

export async function readHold(sql: Sql, tenantId: string, holdId: string): Promise<Hold | null> {
  const { rows } = await sql.query<Hold>({
    name: 'policy_hold_get',
    text: `${HOLD} WHERE h.hold_id = $1 AND h.tenant_id = $2`,
    values: [holdId, tenantId],
  });
  return rows[0] ?? null;
}

/** Those of a tenant that wait, newest first. */
export async function listWaitingHolds(
  sql: Sql,
  tenantId: string,
  page: { limit: number; before: string | null },
): Promise<Hold[]> {
  const { rows } = await sql.query<Hold>({
    name: 'policy_hold_waiting',
    text: `${HOLD} WHERE h.tenant_id = $1 AND a.answer IS NULL AND ($2::uuid IS NULL OR h.hold_id < $2)
      ORDER BY h.hold_id DESC LIMIT $3`,
    values: [tenantId, page.before, page.limit],
  });
  return rows;
}
