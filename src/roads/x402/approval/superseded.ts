import type { Sql } from '../../../base/db/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { APPROVAL_TOPICS } from '../../../books/approval/index.ts';

/**
 * Has payments looked at that wait for persons on a decision of a policy that something which tightens came after, or of
 * the configuration, which may not decide any more: what does not stand is ended, and nobody is asked in vain. They are as few as
 * persons can be asked about.
 */
export async function announceSuperseded(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ id: string; tenantId: string; correlationId: string }>({
    name: 'payment_superseded_waiting',
    text: `WITH good AS MATERIALIZED (SELECT version FROM policy_standing)
      SELECT p.payment_id AS id, p.tenant_id AS "tenantId", p.correlation_id AS "correlationId"
      FROM approval_request r JOIN payment p ON p.payment_id = r.owner_id AND p.decision_id = r.decision_id
      WHERE r.status = 'PENDING' AND p.status = 'AUTH_VERIFIED'
        AND NOT EXISTS (SELECT FROM good WHERE good.version = r.policy_version)`,
  });
  await enqueue(
    sql,
    rows.map(({ id, tenantId, correlationId }) => {
      return {
        topic: APPROVAL_TOPICS.payment.ended,
        subjectId: id,
        tenantId,
        trace: correlationId,
      };
    }),
  );
}
