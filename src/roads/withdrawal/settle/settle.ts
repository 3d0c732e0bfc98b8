import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { ERRORS, type ErrorCode, Transient, WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { commitTransfer, type Transfer } from '../../../books/ledger/index.ts';
import { holdWindows } from '../../../books/policy/index.ts';
import {
  lockHeads,
  readSettled,
  readTxsOfOwners,
  type Settled,
  type TxRow,
} from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { ledgerOrderOf, readSteps, type StepRow } from '../rows.ts';
import { givenBack } from '../transfers.ts';
import { decideSettle, isTakenBack, type SettleAction } from './decide-settle.ts';
import { findPaid } from './paid-after-release.ts';

type Open = StepRow & { status: 'EXECUTING' | 'REVERSED' };
type Item = { row: Open; tx: TxRow; action: SettleAction; transfers: Transfer[] };

/**
 * Resolves the reserve by what the chain says: COMMIT at the tier's level, RELEASE only when the end without
 * payment is final; that of a withdrawal that was REVERSED at finality only. Under the chain head's lock the level is read again: without it a reorg between
 * reading and acting completed an orphaned payment. A crash before the COMMIT leaves the job.
 */
export async function settleStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const read = await readSteps(context.db, ids);
  const rows = read.filter(isOpen);
  const txs = await readTxsOfOwners(context.db, ids);
  const settled = await readSettled(
    context.db,
    [...txs.values()].map((tx) => tx.txId),
  );
  const halted = rows.filter((row) => settled.halted.has(txs.get(row.id)?.chainId ?? -1));
  const takenBack = rows.filter((row) => {
    const tx = txs.get(row.id);
    return tx !== undefined && isTakenBack(tx, settled.levels.get(tx.txId));
  });
  const waiting = new Set([...halted, ...takenBack].map((row) => row.id));
  const items = rows.flatMap((row): Item[] => {
    const tx = txs.get(row.id);
    if (tx === undefined || waiting.has(row.id)) return [];
    const action = decide(row, tx, settled);
    return [{ row, tx, action, transfers: transfersOf(row, tx, action) }];
  });
  await context.ledger.open(items.flatMap((item) => item.transfers));
  await inTransaction(context.db, (sql) =>
    act(
      context,
      sql,
      claimed,
      ids.filter((id) => !waiting.has(id)),
      items,
      read.filter(isReleased).flatMap((row) => txs.get(row.id) ?? []),
    ),
  );
  return [...waiting].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: 5_000,
    reason: 'the chain is halted, or the end of its transaction was taken back',
  }));
}

const NOTHING = { level: 'none', paid: false, replaced: false } as const;
const PAID = { EXECUTING: 'COMPLETED', REVERSED: 'RESETTLED' } as const;

/** Its reserve went back to its customer. */
const isReleased = ({ status }: StepRow) =>
  status === 'FAILED' || status === 'CANCELLED' || status === 'EXPIRED';

function isOpen(row: StepRow): row is Open {
  return row.status === 'EXECUTING' || row.status === 'REVERSED';
}

function decide(row: Open, tx: TxRow, settled: Settled): SettleAction {
  const shown = settled.levels.get(tx.txId) ?? NOTHING;
  return decideSettle(row.status, tx, shown);
}

async function act(
  context: WithdrawalContext,
  sql: Sql,
  claimed: Claim,
  ids: readonly string[],
  items: readonly Item[],
  released: readonly TxRow[],
): Promise<void> {
  const ours = await complete(sql, claimed, ids);
  await findPaid(
    sql,
    released.filter((tx) => ours.has(tx.ownerId)),
  );
  const acting = items.filter((item) => ours.has(item.row.id) && item.action.kind !== 'wait');
  if (acting.length === 0) return;
  const windows = await holdWindows(
    sql,
    acting.flatMap(({ row, action }) => (action.kind === 'fail' ? row.id : [])),
  );
  await context.ledger.lock(
    sql,
    acting.flatMap((item) => item.transfers),
  );
  await lockHeads(sql, [...new Set(acting.map((item) => item.tx.chainId))], 'share');
  const settled = await readSettled(
    sql,
    acting.map((item) => item.tx.txId),
  );
  // Halted since it was read: everything is undone, the jobs run again and wait.
  if (settled.halted.size > 0) throw new Transient('a chain was halted during the step');
  if (acting.some(({ tx }) => isTakenBack(tx, settled.levels.get(tx.txId)))) {
    throw new Transient('the end of a transaction was taken back during the step');
  }
  // What no longer holds is left: its transaction announces itself again at its level.
  const holding = acting.filter(
    (item) => decide(item.row, item.tx, settled).kind === item.action.kind,
  );
  const moved = await advance(
    sql,
    WITHDRAWAL,
    holding.map(({ row, action }) => ({
      id: row.id,
      from: row.status,
      to: endOf(row, action),
    })),
    {
      failure_code: {
        type: 'text',
        values: holding.map(({ action }) => failureOf(action)?.code ?? null),
      },
      failure_message: {
        type: 'text',
        values: holding.map(({ action }) => failureOf(action)?.message ?? null),
      },
      completed_at: {
        type: 'timestamptz',
        values: holding.map(({ action }) => (action.kind === 'commit' ? 'now' : null)),
      },
    },
  );
  const done = holding.filter((item) => moved.has(item.row.id));
  await context.ledger.post(
    sql,
    done.flatMap((item) => item.transfers),
  );
  await windows.giveBack(
    sql,
    new Set(done.flatMap(({ row, action }) => (action.kind === 'fail' ? row.id : []))),
  );
  await tellTooLate(
    sql,
    done.filter(({ row, action }) => row.cancelling && action.kind === 'commit'),
  );
}

/** The payment was mined before the filler that its client asked for. */
async function tellTooLate(sql: Sql, paid: readonly Item[]): Promise<void> {
  await writeEvents(
    sql,
    paid.map(({ row }) => ({
      tenantId: row.tenantId,
      type: 'withdrawal.cancel_too_late',
      subjectId: row.id,
      correlationId: row.correlationId,
    })),
  );
}

function endOf(
  row: Open,
  action: SettleAction,
): 'COMPLETED' | 'RESETTLED' | 'CANCELLED' | 'FAILED' {
  if (action.kind === 'commit') return PAID[row.status];
  // What was completed once and reversed can not be cancelled any more.
  const cancelled = action.kind === 'fail' && action.cancelled && row.status === 'EXECUTING';
  return cancelled ? 'CANCELLED' : 'FAILED';
}

function failureOf(action: SettleAction): { code: ErrorCode; message: string } | null {
  return action.kind === 'fail'
    ? { code: action.code, message: action.message ?? ERRORS[action.code].title }
    : null;
}

function transfersOf(row: StepRow, tx: TxRow, action: SettleAction): Transfer[] {
  if (action.kind === 'wait') return [];
  if (action.kind === 'commit') return [commitTransfer(ledgerOrderOf(row))];
  return givenBack(row, tx);
}
