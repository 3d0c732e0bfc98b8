import { inTransaction } from '../../../base/db/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { readTxsOfOwners, type TxRow } from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps, type StepRow } from '../rows.ts';
import { stopWithdrawals } from './stop.ts';

const LOOK_AGAIN_MS = 500;

/**
 * Ends what is past its expiry and still unclaimed; the database's clock decides. A withdrawal whose
 * signature was claimed goes on: its reserve is never released by a clock. Jobs are completed with
 * what they ended, or when nothing is left to end; one whose transaction moved in between looks again,
 * because nobody signs an effect past its expiry and its slot would block the lane.
 */
export async function expireStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const due = (await readSteps(context.db, ids)).filter((row) => row.expired).map((row) => row.id);
  const end = { to: 'EXPIRED', code: 'expired' } as const;
  const ended = await stopWithdrawals(context, due, end, (sql, done) =>
    complete(sql, claimed, [...done]),
  );
  const left = ids.filter((id) => !ended.has(id));
  const rows = new Map((await readSteps(context.db, left)).map((row) => [row.id, row]));
  const txs = await readTxsOfOwners(context.db, left);
  const again = left.filter((id) => mayStillEnd(rows.get(id), txs.get(id)));
  const over = left.filter((id) => !again.includes(id));
  await inTransaction(context.db, (sql) => complete(sql, claimed, over));
  return again.map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: LOOK_AGAIN_MS,
    reason: 'not ended yet',
  }));
}

function mayStillEnd(row: StepRow | undefined, tx: TxRow | undefined): boolean {
  switch (row?.status) {
    case 'REQUESTED':
    case 'RESERVED':
    case 'AWAITING_APPROVAL':
    case 'APPROVED':
      return true;
    case 'EXECUTING':
      return tx === undefined || tx.status === 'CREATED' || tx.status === 'SLOTTED';
    default:
      return false;
  }
}
