import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import { isUuid, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { HoldDemand } from '../evaluate/subject.ts';
import { type Hold, readHold } from './rows.ts';
import { HOLD_TOPICS } from './topics.ts';

type NewHolds = {
  tenantId: string;
  subjectId: string;
  decisionId: string;
  correlationId: string;
  holds: readonly HoldDemand[];
};

/** Opens what decisions ask for, in the act that lets their subjects wait; a job looks when time is over. */
export async function openHolds(sql: Sql, held: readonly NewHolds[]): Promise<void> {
  const rows = held.flatMap(({ holds, ...of }) => holds.map((hold) => ({ ...of, ...hold })));
  if (rows.length === 0) return;
  await sql.query({
    name: 'policy_hold_insert',
    text: `INSERT INTO policy_hold (tenant_id, subject_id, decision_id, rule_id, gate, expires_at, correlation_id)
      SELECT tenant_id, subject_id, decision_id, rule_id, gate, now() + timeout_ms * interval '1 millisecond', correlation_id
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[])
        AS u(tenant_id, subject_id, decision_id, rule_id, gate, timeout_ms, correlation_id)`,
    values: [
      rows.map((row) => row.tenantId),
      rows.map((row) => row.subjectId),
      rows.map((row) => row.decisionId),
      rows.map((row) => row.rule),
      rows.map((row) => row.hold),
      rows.map((row) => row.timeoutMs),
      rows.map((row) => row.correlationId),
    ],
  });
  await enqueue(
    sql,
    held.map(({ subjectId, tenantId, correlationId, holds }) => ({
      topic: HOLD_TOPICS.ended,
      subjectId,
      tenantId,
      trace: correlationId,
      delayMs: Math.min(...holds.map(({ timeoutMs }) => timeoutMs)),
    })),
  );
  await writeEvents(
    sql,
    held.map(({ tenantId, subjectId, correlationId, holds }) => ({
      tenantId,
      type: 'withdrawal.held',
      subjectId,
      correlationId,
      data: { holds: holds.map(({ hold, rule }) => ({ hold, rule })) },
    })),
  );
}

type Answered = {
  tenantId: string;
  holdId: string;
  answer: 'cleared' | 'rejected';
  by: string;
  reason: string | null;
};

const NONE = refuse('not_found', 'There is no hold with this id.');

/**
 * Answers a hold, once: the same answer again changes nothing, another one is refused. One transaction with the job
 * that goes on: a crash leaves both or neither.
 */
export async function answerHold(db: Db, answered: Answered): Promise<Hold | Refusal> {
  const { tenantId, holdId, answer, by, reason } = answered;
  if (!isUuid(holdId)) return NONE;
  return inTransaction(db, async (sql) => {
    const hold = await readHold(sql, tenantId, holdId);
    if (hold === null) return NONE;
    const made = await insertAnswers(sql, [holdId], { answer, by, reason, inTime: true });
    if (made.length === 0) return judgeAgain(await readHold(sql, tenantId, holdId), answer);
    const { subjectId } = hold;
    const correlationId = hold.correlationId ?? '';
    // The job that watches the time looks too: where nothing is left to watch it ends.
    const topics = answer === 'cleared' ? [HOLD_TOPICS.cleared] : [];
    await enqueue(
      sql,
      [...topics, HOLD_TOPICS.ended].map((topic) => {
        return { topic, subjectId, tenantId, trace: correlationId };
      }),
    );
    const data = { holdId, hold: hold.gate, by, reason };
    await writeEvents(sql, [
      { tenantId, type: `withdrawal.hold_${answer}`, subjectId, correlationId, data },
    ]);
    const act = { tenantId, actor: by, subject: holdId, correlationId, detail: data };
    await writeAudit(sql, [{ ...act, action: `hold.${answer}` }]);
    return (await readHold(sql, tenantId, holdId))!;
  });
}

function judgeAgain(hold: Hold | null, answer: string): Hold | Refusal {
  if (hold?.answer === answer) return hold;
  return refuse('hold_closed', `The hold is ${hold?.answer ?? 'past its time'}.`);
}

/** Ends what still waits about these subjects, in the act that ends them. */
export async function closeHolds(
  sql: Sql,
  subjectIds: readonly string[],
  answer: 'expired' | 'cancelled',
): Promise<void> {
  if (subjectIds.length === 0) return;
  const { rows } = await sql.query<{ hold_id: string; subject_id: string; tenant_id: string }>({
    name: 'policy_hold_unanswered',
    text: `SELECT hold_id, subject_id, tenant_id FROM policy_hold h WHERE subject_id = ANY($1::uuid[])
      AND NOT EXISTS (SELECT FROM policy_hold_answer a WHERE a.hold_id = h.hold_id) ORDER BY hold_id`,
    values: [subjectIds],
  });
  const ids = rows.map((row) => row.hold_id);
  await insertAnswers(sql, ids, { answer, by: null, reason: null, inTime: false });
  const watched = new Map(rows.map((row) => [row.subject_id, row.tenant_id]));
  await enqueue(
    sql,
    [...watched].map(([subjectId, tenantId]) => ({
      topic: HOLD_TOPICS.ended,
      subjectId,
      tenantId,
    })),
  );
}

type NewAnswer = {
  answer: Exclude<Hold['answer'], null>;
  by: string | null;
  reason: string | null;
  /** Only where the hold has time left. */
  inTime: boolean;
};

async function insertAnswers(
  sql: Sql,
  holdIds: readonly string[],
  { answer, by, reason, inTime }: NewAnswer,
): Promise<string[]> {
  const { rows } = await sql.query<{ hold_id: string }>({
    name: 'policy_hold_answer_insert',
    text: `INSERT INTO policy_hold_answer (hold_id, answer, answered_by, reason)
      SELECT hold_id, $2, $3, $4 FROM policy_hold
      WHERE hold_id = ANY($1::uuid[]) AND (NOT $5::boolean OR expires_at > clock_timestamp())
      ORDER BY hold_id ON CONFLICT (hold_id) DO NOTHING RETURNING hold_id`,
    values: [holdIds, answer, by, reason, inTime],
  });
  return rows.map((row) => row.hold_id);
}
