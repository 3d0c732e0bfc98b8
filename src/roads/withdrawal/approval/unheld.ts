import { inTransaction } from '../../../base/db/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { type Hold, readHolds } from '../../../books/policy/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps } from '../rows.ts';
import { stopWithdrawals } from '../stop/stop.ts';

/** Jobs may come a little early. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Ends withdrawals whose hold was rejected, or that nobody cleared in time, and releases their reserves; jobs are
 * completed with what they ended. What waits for a later hold is looked at when that one's time is over.
 */
export async function unheldStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const waiting = new Set(
    (await readSteps(context.db, ids))
      .filter(({ status }) => status === 'AWAITING_APPROVAL')
      .map(({ id }) => id),
  );
  const holds = (await readHolds(context.db, ids)).filter(({ subjectId }) =>
    waiting.has(subjectId),
  );
  const rejected = holds.filter(({ answer }) => answer === 'rejected');
  const late = holds.filter(({ answer, expired }) => answer === null && expired);
  const open = holds.filter(({ answer, expired }) => answer === null && !expired);
  const ended = new Set<string>();
  for (const [found, code] of [
    [rejected, 'hold_rejected'],
    [late, 'hold_timed_out'],
  ] as const) {
    const left = found.filter(({ subjectId }) => !ended.has(subjectId));
    if (left.length === 0) continue;
    const told = new Map(left.map((hold) => [hold.subjectId, reasonOf(hold)]));
    const end = { to: 'REJECTED', code, told } as const;
    const done = await stopWithdrawals(context, [...told.keys()], end, (sql, stopped) =>
      complete(sql, claimed, [...stopped]),
    );
    for (const id of done) ended.add(id);
  }
  const again = new Map<string, number>();
  for (const { subjectId, expiresAt } of open) {
    if (!ended.has(subjectId)) {
      again.set(subjectId, Math.min(expiresAt.getTime(), again.get(subjectId) ?? Infinity));
    }
  }
  const over = ids.filter((id) => !ended.has(id) && !again.has(id));
  await inTransaction(context.db, (sql) => complete(sql, claimed, over));
  return [...again].map(([subjectId, endsAt]) => ({
    kind: 'wait',
    subjectId,
    delayMs: Math.max(LOOK_AGAIN_MS, endsAt - Date.now()),
    reason: 'a hold has time',
  }));
}

function reasonOf({ gate, answeredBy, reason, expiresAt }: Hold): string {
  return answeredBy === null
    ? `${gate}: nobody cleared it by ${expiresAt.toISOString()}`
    : `${gate}: ${answeredBy}${reason === null ? '' : `: ${reason}`}`;
}
