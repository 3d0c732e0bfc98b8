import { type Db, inTransaction } from '../../base/db/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { WITHDRAWAL_TOPICS } from './topics.ts';

/**
 * Announces again what stands still: a withdrawal that should have a job and has neither job nor dead
 * letter. Jobs are written with the states they belong to, so this finds something only after a
 * message was lost outside the database, or a job was discarded. Looks two days back. Returns how many.
 */
export async function sweepStanding(db: Db, limit = 500): Promise<number> {
  const { rows } = await db.query<{
    id: string;
    tenant_id: string;
    topic: string;
    correlation_id: string;
  }>(
    `WITH still AS (
       SELECT w.withdrawal_id AS id, w.tenant_id, w.correlation_id, CASE
           WHEN w.status = 'RESERVED' THEN $1
           WHEN w.status = 'APPROVED' THEN $2
           WHEN EXISTS (SELECT 1 FROM tx t WHERE t.owner_id = w.withdrawal_id
             AND t.status IN ('FINAL', 'REVERTED', 'REPLACED', 'CANCELLED')) THEN $3 END AS topic
       FROM withdrawal w
       WHERE w.withdrawal_id > payonce_uuid_at(now() - interval '2 days')
         AND w.withdrawal_id < payonce_uuid_at(now() - interval '2 minutes')
         AND w.status IN ('RESERVED', 'APPROVED', 'EXECUTING', 'REVERSED') AND w.updated_at < now() - interval '2 minutes'
     )
     SELECT * FROM still s WHERE topic IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = s.topic AND j.subject_id = s.id)
       AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.topic = s.topic AND d.subject_id = s.id)
     LIMIT $4`,
    [WITHDRAWAL_TOPICS.requested, WITHDRAWAL_TOPICS.approved, WITHDRAWAL_TOPICS.final, limit],
  );
  await inTransaction(db, (sql) =>
    enqueue(
      sql,
      rows.map((row) => ({
        topic: row.topic,
        subjectId: row.id,
        tenantId: row.tenant_id,
        trace: row.correlation_id,
      })),
    ),
  );
  return rows.length;
}
