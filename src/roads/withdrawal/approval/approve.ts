import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../../base/queue/index.ts';
import { approvedOwners, readApprovalRequests } from '../../../books/approval/index.ts';
import { readHolds, readSupersededDecisions } from '../../../books/policy/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { executeUnfrozen } from '../execute.ts';
import { readSteps, type StepRow } from '../rows.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';

/**
 * AWAITING_APPROVAL → APPROVED and on to EXECUTING, where every hold is cleared and enough approvers have said yes in
 * time. Who comes too early is called again by what it waits for. A crash before the COMMIT leaves the job.
 */
export async function approveStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const rows = (await readSteps(context.db, ids)).filter(
    (row) => row.status === 'AWAITING_APPROVAL' && !row.expired,
  );
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const all = rows.filter((row) => ours.has(row.id));
    // Persons said yes to what a policy decided that is not good any more: it is decided about anew first.
    const stale = await readSupersededDecisions(
      sql,
      all.flatMap(({ decisionId }) => decisionId ?? []),
    );
    const mine = all.filter(({ decisionId }) => !stale.has(decisionId ?? ''));
    await enqueue(
      sql,
      all
        .filter((row) => !mine.includes(row))
        .map(({ id, tenantId, correlationId }) => ({
          ...{ topic: WITHDRAWAL_TOPICS.decideAgain, subjectId: id, tenantId },
          trace: correlationId,
        })),
    );
    const approved = await released(sql, mine);
    const moved = await advance(
      sql,
      WITHDRAWAL,
      approved.map(({ id }) => ({
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

/** Those whose decision waits for nobody any more. One that nobody was asked about was held. */
async function released(sql: Sql, rows: readonly StepRow[]): Promise<StepRow[]> {
  const ids = rows.map(({ id }) => id);
  // What was asked for by an earlier decision says nothing about this one.
  const decisions = new Set(rows.map(({ decisionId }) => decisionId));
  const holds = (await readHolds(sql, ids)).filter((hold) => decisions.has(hold.decisionId));
  const held = new Set(holds.map(({ subjectId }) => subjectId));
  const uncleared = new Set(
    holds.flatMap(({ answer, subjectId }) => (answer === 'cleared' ? [] : subjectId)),
  );
  const approved = await approvedOwners(
    sql,
    rows.map(({ id, decisionId }) => ({ ownerId: id, decisionId })),
  );
  const requests = await readApprovalRequests(sql, ids);
  return rows.filter(({ id, decisionId }) => {
    const asked = requests.get(id)?.decisionId === decisionId;
    return !uncleared.has(id) && (asked ? approved.has(id) : held.has(id));
  });
}
