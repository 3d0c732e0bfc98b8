import { afterCommit, inTransaction } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { isEnd, type Refusal, refuse, WITHDRAWAL } from '../../../base/kernel/index.ts';
import { closeSlotOf } from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps, type StepRow } from '../rows.ts';
import type { WithdrawalView } from '../types.ts';
import { readViews } from '../view/view.ts';
import { stopWithdrawals } from './stop.ts';

/** A withdrawal that moves while it is read is looked at again: more often than it can move before it is signed. */
const ROUNDS = 8;

/**
 * Cancels a withdrawal; idempotent. What nobody claimed for signing ends here, and its reserve is released. Else its
 * effect may be signed: its slot is to be closed by the filler, which then races with the payment, and the answer is
 * the withdrawal with `waiting: cancelling`; the chain decides. A crash before the COMMIT leaves nothing, after it
 * the job that orders the filler.
 */
export async function cancelWithdrawal(
  context: WithdrawalContext,
  id: string,
): Promise<WithdrawalView | Refusal> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const [row] = await readSteps(context.db, [id]);
    const view = await viewOf(context, id);
    if (row === undefined || view === null) {
      return refuse('not_found', 'There is no withdrawal with this id.');
    }
    if (row.status === 'CANCELLED') return view;
    if (isEnd(WITHDRAWAL, row.status) || row.status === 'COMPLETED' || row.status === 'REVERSED') {
      return refuse(
        'not_cancellable',
        `The withdrawal is ${view.status}: it was paid or has ended.`,
      );
    }
    const end = { to: 'CANCELLED', code: 'cancelled_by_client' } as const;
    // The first time it may have moved and not been claimed: then it can be stopped after all.
    const done =
      (await stopWithdrawals(context, [id], end)).has(id) ||
      (round > 0 && row.status === 'EXECUTING' && (await askForFiller(context, row)));
    if (done) return (await afterCommit(viewOf(context, id)))!;
  }
  const view = (await viewOf(context, id))!;
  const { level, blockNumber } = view.confirmation;
  const why = level === 'none' ? 'it moves on right now' : `block ${blockNumber} holds it`;
  return refuse('not_cancellable', `The withdrawal is ${view.status}: ${why}.`);
}

async function viewOf(context: WithdrawalContext, id: string): Promise<WithdrawalView | null> {
  return (await readViews(context.db, context, [id]))[0] ?? null;
}

/** Undoes what was done in its transaction. */
class Moved extends Error {}

/** False: it has no slot, a block holds it, or it has ended. */
async function askForFiller(context: WithdrawalContext, row: StepRow): Promise<boolean> {
  if (row.cancelling) return true;
  return inTransaction(context.db, async (sql) => {
    // The slot before the withdrawal: the order in which stopping takes them.
    if (!(await closeSlotOf(sql, row.id, 'cancelled_by_client'))) return false;
    const { rowCount } = await sql.query(
      `UPDATE withdrawal SET cancel_requested_at = now(), updated_at = now()
       WHERE withdrawal_id = $1 AND status = 'EXECUTING' AND cancel_requested_at IS NULL`,
      [row.id],
    );
    if (rowCount === 0) throw new Moved();
    await writeEvents(sql, [
      {
        tenantId: row.tenantId,
        type: 'withdrawal.cancel_requested',
        subjectId: row.id,
        correlationId: row.correlationId,
      },
    ]);
    return true;
  }).catch((error) => {
    if (error instanceof Moved) return false;
    throw error;
  });
}
