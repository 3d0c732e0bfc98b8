import { inTransaction } from '../../../base/db/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { type ApprovalRequest, readApprovalRequests } from '../../../books/approval/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps } from '../rows.ts';
import { stopWithdrawals } from '../stop/stop.ts';

/** The expiry is in whole seconds, and jobs may come a little early. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Ends withdrawals that were rejected, or that nobody approved in time, and releases their reserves; jobs are
 * completed with what they ended. What was approved meanwhile goes on. Approved in time, and still held when that time
 * is over, is as good as not: what clears its holds would not set it going any more.
 */
export async function unapprovedStep(
  context: WithdrawalContext,
  claimed: Claim,
): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const requests = await readApprovalRequests(context.db, ids);
  const waiting = new Map(
    (await readSteps(context.db, ids))
      .filter(({ status }) => status === 'AWAITING_APPROVAL')
      .map(({ id, decisionId }) => [id, decisionId]),
  );
  const asked = [...requests.values()].filter(({ ownerId }) => waiting.has(ownerId));
  const rejected = asked.filter(({ status }) => status === 'REJECTED');
  // A time that an earlier decision gave is nothing to the one that it has now.
  const timed = asked.filter(
    ({ status, ownerId, decisionId }) =>
      (status === 'PENDING' || status === 'APPROVED') && waiting.get(ownerId) === decisionId,
  );
  const late = timed.filter(({ expired }) => expired);
  const early = timed.filter(({ expired }) => !expired);
  const ended = new Set<string>();
  for (const [found, end] of [
    [rejected, { to: 'REJECTED', code: 'approval_rejected' }],
    [late, { to: 'EXPIRED', code: 'approval_expired' }],
  ] as const) {
    if (found.length === 0) continue;
    const owners = found.map(({ ownerId }) => ownerId);
    const told = new Map(found.map((one) => [one.ownerId, reasonOf(one)]));
    const done = await stopWithdrawals(context, owners, { ...end, told }, (sql, stopped) =>
      complete(sql, claimed, [...stopped]),
    );
    for (const id of done) ended.add(id);
  }
  const again = new Set(early.map(({ ownerId }) => ownerId));
  const over = ids.filter((id) => !ended.has(id) && !again.has(id));
  await inTransaction(context.db, (sql) => complete(sql, claimed, over));
  return [...again].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: LOOK_AGAIN_MS,
    reason: 'approvers have time',
  }));
}

function reasonOf({ rejection }: ApprovalRequest): string | undefined {
  return rejection === null ? undefined : `${rejection.by}: ${rejection.reason}`;
}
