import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../../base/queue/index.ts';
import { reverseTransfer, type Transfer } from '../../../books/ledger/index.ts';
import {
  isPaidByForeign,
  lockHeads,
  readSettled,
  readTxsOfOwners,
  type TxRow,
} from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { ledgerOrderOf, readSteps, type StepRow } from '../rows.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { isPaidAt } from './decide-settle.ts';

type Item = { row: StepRow; tx: TxRow; transfer: Transfer };

/**
 * Takes back commits whose inclusion left the canonical chain: COMPLETED (or RESETTLED) → REVERSED, with the next generation's
 * reserve. What the chain shows again at that level by now stays committed. The same bytes are on
 * their way already (the reorg asked for them); what their slot ends in settles the new reserve. Asked for in
 * the act that followed the reorg, so a crash leaves the job.
 */
export async function reverseStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const read = await readSteps(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const committed = read.filter(({ status }) => status === 'COMPLETED' || status === 'RESETTLED');
  const txs = await readTxsOfOwners(
    context.db,
    committed.map((row) => row.id),
  );
  const items = committed.flatMap((row): Item[] => {
    const tx = txs.get(row.id);
    // Of one that two persons committed the chain had nothing of ours to take back.
    return tx === undefined || isPaidByForeign(tx)
      ? []
      : [{ row, tx, transfer: reverseTransfer(nextOrderOf(row)) }];
  });
  await context.ledger.open(items.map((item) => item.transfer));
  await inTransaction(context.db, (sql) => act(context, sql, claimed, items));
  return [];
}

async function act(
  context: WithdrawalContext,
  sql: Sql,
  claimed: Claim,
  items: readonly Item[],
): Promise<void> {
  const ours = await complete(sql, claimed);
  const acting = items.filter((item) => ours.has(item.row.id));
  if (acting.length === 0) return;
  await context.ledger.lock(
    sql,
    acting.map((item) => item.transfer),
  );
  await lockHeads(sql, [...new Set(acting.map((item) => item.tx.chainId))], 'share');
  const settled = await readSettled(
    sql,
    acting.map((item) => item.tx.txId),
  );
  const lost = acting.filter(({ row, tx }) => {
    const shown = settled.levels.get(tx.txId);
    const level = row.status === 'RESETTLED' ? 'finalized' : tx.settleAt;
    return shown === undefined || !isPaidAt(level, shown);
  });
  const moved = await advance(
    sql,
    WITHDRAWAL,
    lost.map(({ row }) => ({ id: row.id, from: row.status, to: 'REVERSED' })),
    { generation: { type: 'int', values: lost.map(({ transfer }) => transfer.generation) } },
  );
  const reversed = lost.filter(({ row }) => moved.has(row.id));
  await context.ledger.post(
    sql,
    reversed.map((item) => item.transfer),
  );
  // The slot may have become final before this ran: nobody would announce it again.
  await enqueue(
    sql,
    reversed.map(({ row }) => ({
      topic: WITHDRAWAL_TOPICS.final,
      subjectId: row.id,
      tenantId: row.tenantId,
      trace: row.correlationId,
    })),
  );
}

const nextOrderOf = (row: StepRow) => ({ ...ledgerOrderOf(row), generation: row.generation + 1 });
