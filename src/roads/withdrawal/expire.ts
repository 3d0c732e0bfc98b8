import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import type { WithdrawalContext } from './context.ts';
import { readSteps } from './rows.ts';
import { stopWithdrawals } from './stop.ts';

/**
 * Ends what is past its expiry and still unclaimed; the database's clock decides. A withdrawal whose
 * signature was claimed goes on: its reserve is never released by a clock.
 */
export async function expireStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const rows = await readSteps(context.db, ids);
  const early = new Set(rows.filter((row) => !row.expired).map((row) => row.id));
  const due = ids.filter((id) => !early.has(id));
  await stopWithdrawals(
    context,
    due,
    { to: 'EXPIRED', code: 'expired' },
    (sql) => complete(sql, claimed, due),
    (row) => row.expired,
  );
  return [...early].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: 500,
    reason: 'not yet expired',
  }));
}
