import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { type Log, Transient } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../../base/queue/index.ts';
import {
  arriveTransfer,
  type Ledger,
  type Transfer,
  unassignTransfer,
} from '../../../books/ledger/index.ts';
import {
  finalTopic,
  lockHeads,
  orphanedTopic,
  readSettled,
  readTxsOfOwners,
  type Settled,
  type TxRow,
} from '../../../books/tx/index.ts';
import { decideMove } from './decide.ts';
import { eventData } from './order.ts';
import { endMoves, type MoveRow, readEndedMoves, readOpenMoves } from './rows.ts';

type MoveContext = { db: Db; ledger: Ledger; log: Log };
export type Ending = {
  move: MoveRow;
  tx: TxRow;
  outcome: 'arrived' | 'unpaid';
  transfers: Transfer[];
};

/**
 * Ends moves whose transactions are final, never before: what arrived is the other wallet's, what came to nothing
 * goes back to the wallet that it was taken from. Read again under the chain head's lock, so that no reorg
 * comes in between. A crash before the COMMIT leaves the job; a move ends once.
 */
async function settleMoves(
  context: MoveContext,
  claimed: Claim,
  { final }: { final: boolean },
): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const moves = await readOpenMoves(context.db, ids);
  const txs = await readTxsOfOwners(
    context.db,
    moves.map(({ moveId }) => moveId),
  );
  const settled = await readSettled(
    context.db,
    [...txs.values()].map(({ txId }) => txId),
  );
  const waiting = new Set(
    moves.flatMap(({ moveId }) => {
      const tx = txs.get(moveId);
      return tx !== undefined && mustWait(tx, settled) ? moveId : [];
    }),
  );
  const ending = moves.flatMap((move): Ending[] => {
    const tx = txs.get(move.moveId);
    const outcome = tx === undefined || waiting.has(move.moveId) ? null : decide(tx, settled);
    if (outcome === null) return [];
    return [{ move, tx: tx!, outcome, transfers: transfersOf(move, tx!, outcome) }];
  });
  await context.ledger.open(ending.flatMap(({ transfers }) => transfers));
  await inTransaction(context.db, async (sql) => {
    const finished = ids.filter((id) => !waiting.has(id));
    const ours = await complete(sql, claimed, finished);
    await act(
      context,
      sql,
      ending.filter(({ move }) => ours.has(move.moveId)),
    );
    if (final) await tellChanged(context, sql, [...ours]);
  });
  return [...waiting].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: 5_000,
    reason: 'the chain is halted, or the end of its transaction was taken back',
  }));
}

/** What a declared reorg took back of a foreign use of its nonce is not announced again when it is there again. */
function mustWait(tx: TxRow, settled: Settled): boolean {
  const takenBack = tx.status === 'REPLACED' && decide(tx, settled) === null;
  return takenBack || settled.halted.has(tx.chainId);
}

const NOTHING = { level: 'none', paid: false, replaced: false } as const;

function decide(tx: TxRow, settled: Settled): 'arrived' | 'unpaid' | null {
  return decideMove(tx, settled.levels.get(tx.txId) ?? NOTHING);
}

async function act(context: MoveContext, sql: Sql, acting: readonly Ending[]): Promise<void> {
  if (acting.length === 0) return;
  await context.ledger.lock(
    sql,
    acting.flatMap(({ transfers }) => transfers),
  );
  await lockHeads(sql, [...new Set(acting.map(({ tx }) => tx.chainId))], 'share');
  const settled = await readSettled(
    sql,
    acting.map(({ tx }) => tx.txId),
  );
  if (acting.some(({ tx }) => mustWait(tx, settled))) {
    throw new Transient('a chain was halted, or an end taken back, during the step');
  }
  // What no longer holds is left: its transaction announces itself again at its end.
  const holding = acting.filter(({ tx, outcome }) => decide(tx, settled) === outcome);
  const ended = await endMoves(
    sql,
    holding.map(({ move, outcome }) => ({ moveId: move.moveId, outcome })),
  );
  const done = holding.filter(({ move }) => ended.has(move.moveId));
  await context.ledger.post(
    sql,
    done.flatMap(({ transfers }) => transfers),
  );
  await writeEvents(
    sql,
    done.map(({ move, outcome }) => ({
      tenantId: move.tenantId,
      type: `lane.${move.kind === 'topup' ? 'top_up' : 'sweep'}_${outcome}`,
      subjectId: move.moveId,
      correlationId: move.correlationId,
      data: eventData(move),
    })),
  );
}

/**
 * A move that ended keeps its end in the books. Where a declared reorg gave its transaction another one, the funds lie
 * in another wallet than the books say: told, and brought into agreement by adopting both wallets again.
 */
async function tellChanged({ log }: MoveContext, sql: Sql, ids: readonly string[]): Promise<void> {
  const moves = await readEndedMoves(sql, ids);
  if (moves.length === 0) return;
  const txs = await readTxsOfOwners(
    sql,
    moves.map(({ moveId }) => moveId),
  );
  const settled = await readSettled(
    sql,
    [...txs.values()].map(({ txId }) => txId),
  );
  const changed = moves.flatMap((move) => {
    const tx = txs.get(move.moveId);
    const now = tx === undefined || tx.slot === null ? null : decide(tx, settled);
    return now === null || now === move.outcome ? [] : [{ move, now }];
  });
  for (const { move, now } of changed) {
    const { moveId, outcome, correlationId } = move;
    log.error(
      { moveId, booked: outcome, now, correlationId, code: 'move_end_changed' },
      'the chain gave a move another end',
    );
  }
  await writeEvents(
    sql,
    changed.map(({ move, now }) => ({
      tenantId: move.tenantId,
      type: 'lane.move_end_changed',
      subjectId: move.moveId,
      correlationId: move.correlationId,
      data: { kind: move.kind, ...eventData(move), booked: move.outcome, now },
    })),
  );
}

export function transfersOf(move: MoveRow, tx: TxRow, outcome: 'arrived' | 'unpaid'): Transfer[] {
  const { tenantId, txId, asset, amount, correlationId } = tx;
  const slot = { tenantId, txId, asset, amount, correlationId };
  if (outcome === 'arrived') return [arriveTransfer({ ...slot, laneId: move.toLane })];
  return tx.slot === null ? [] : [unassignTransfer({ ...slot, laneId: move.fromLane })];
}

/**
 * What a reorg takes back was never ended here, unless it went below finalized: then the books keep the end, the
 * same bytes are sent again, and another end is told.
 */
export function moveHandlers(context: MoveContext): Handler[] {
  return (['topup', 'sweep'] as const)
    .flatMap((kind) => [
      { topic: finalTopic(kind), final: true },
      { topic: orphanedTopic(kind), final: false },
    ])
    .map(({ topic, final }) => ({
      topic,
      batch: 500,
      backoff: { baseMs: 1_000, capMs: 60_000, limit: 100 },
      run: (claimed) => settleMoves(context, claimed, { final }),
    }));
}
