import { advance, inTransaction } from '../../../base/db/index.ts';
import { WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { approvedOwners } from '../../../books/approval/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { executeUnfrozen } from '../execute.ts';
import { readSteps } from '../rows.ts';

/**
 * AWAITING_APPROVAL → APPROVED and on to EXECUTING, where enough approvers have said yes in time. A crash before the
 * COMMIT leaves the job.
 */
export async function approveStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const rows = (await readSteps(context.db, ids)).filter(
    (row) => row.status === 'AWAITING_APPROVAL' && !row.expired,
  );
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const mine = rows.filter((row) => ours.has(row.id));
    const approved = await approvedOwners(
      sql,
      mine.map((row) => ({ ownerId: row.id, decisionId: row.decisionId })),
    );
    const moved = await advance(
      sql,
      WITHDRAWAL,
      [...approved].map((id) => ({
        id,
        from: 'AWAITING_APPROVAL' as const,
        to: 'APPROVED' as const,
      })),
    );
    await executeUnfrozen(
      context,
      sql,
      mine.filter((row) => moved.has(row.id)),
    );
  });
  return [];
}
