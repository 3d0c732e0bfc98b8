import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import {
  ERRORS,
  type ErrorCode,
  invariant,
  WITHDRAWAL,
  type WithdrawalState,
} from '../../../base/kernel/index.ts';
import { closeApprovalRequests } from '../../../books/approval/index.ts';
import { closeHolds, holdWindows } from '../../../books/policy/index.ts';
import { readTxsOfOwners, stopUnclaimed } from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps } from '../rows.ts';
import { givenBack } from '../transfers.ts';

type Stopped = {
  to: 'CANCELLED' | 'EXPIRED' | 'REJECTED';
  code: ErrorCode &
    (
      | 'cancelled_by_client'
      | 'expired'
      | 'approval_rejected'
      | 'approval_expired'
      | 'hold_rejected'
      | 'hold_timed_out'
    );
  /** What is said of single ones instead of the code's own words. */
  told?: ReadonlyMap<string, string | undefined>;
};

const BEFORE_TX: readonly WithdrawalState[] = [
  'REQUESTED',
  'RESERVED',
  'AWAITING_APPROVAL',
  'APPROVED',
];

/**
 * Ends withdrawals whose signature nobody claimed and releases their reserve, in one act, of which
 * `finish` is the last statement. A withdrawal that moved between reading and acting is left alone.
 * Returns the ids ended.
 */
export async function stopWithdrawals(
  context: WithdrawalContext,
  ids: readonly string[],
  end: Stopped,
  finish: (sql: Sql, ended: ReadonlySet<string>) => Promise<unknown> = async () => {},
): Promise<Set<string>> {
  const rows = await readSteps(context.db, ids);
  const txs = await readTxsOfOwners(
    context.db,
    rows.map((row) => row.id),
  );
  const stoppable = rows.filter(
    (row) => BEFORE_TX.includes(row.status) || row.status === 'EXECUTING',
  );
  const transfers = new Map(stoppable.map((row) => [row.id, givenBack(row, txs.get(row.id))]));
  await context.ledger.open([...transfers.values()].flat());
  return inTransaction(context.db, async (sql) => {
    const windows = await holdWindows(
      sql,
      stoppable.map((row) => row.id),
    );
    await context.ledger.lock(sql, [...transfers.values()].flat());
    const running = stoppable
      .filter((row) => row.status === 'EXECUTING')
      .flatMap((row) => txs.get(row.id) ?? []);
    const stopped = await stopUnclaimed(sql, running, end.code);
    const ended = stoppable.filter(
      (row) => row.status !== 'EXECUTING' || stopped.has(txs.get(row.id)?.txId ?? ''),
    );
    const moved = await advance(
      sql,
      WITHDRAWAL,
      ended.map((row) => ({ id: row.id, from: row.status, to: end.to })),
      {
        failure_code: { type: 'text', values: ended.map(() => end.code) },
        failure_message: {
          type: 'text',
          values: ended.map((row) => end.told?.get(row.id) ?? ERRORS[end.code].title),
        },
      },
    );
    for (const row of ended) {
      // Its transaction was stopped here: nobody else can have moved it.
      invariant(
        row.status !== 'EXECUTING' || moved.has(row.id),
        'state_move_refused',
        `withdrawal ${row.id} was EXECUTING with a stopped transaction and did not move to ${end.to}`,
      );
    }
    await context.ledger.post(
      sql,
      ended.filter((row) => moved.has(row.id)).flatMap((row) => transfers.get(row.id)!),
    );
    const waiting = ended.filter((row) => row.status === 'AWAITING_APPROVAL' && moved.has(row.id));
    await closeApprovalRequests(
      sql,
      waiting.map((row) => row.id),
      end.to === 'EXPIRED' ? 'EXPIRED' : 'CANCELLED',
    );
    await closeHolds(
      sql,
      waiting.map((row) => row.id),
      end.code === 'hold_timed_out' ? 'expired' : 'cancelled',
    );
    await windows.giveBack(sql, moved);
    await finish(sql, moved);
    return moved;
  });
}
