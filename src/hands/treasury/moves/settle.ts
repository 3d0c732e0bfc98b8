import { type Db, inTransaction } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../../base/queue/index.ts';
import {
  arriveTransfer,
  type Ledger,
  type Transfer,
  unassignTransfer,
} from '../../../books/ledger/index.ts';
import { finalTopic, readTxsOfOwners, type TxRow } from '../../../books/tx/index.ts';
import { decideMove } from './decide.ts';
import { eventData } from './order.ts';
import { endMoves, type MoveRow, readOpenMoves } from './rows.ts';

type MoveContext = { db: Db; ledger: Ledger };
type Ending = { move: MoveRow; outcome: 'arrived' | 'unpaid'; transfers: Transfer[] };

/**
 * Ends moves whose transactions are final: what arrived is the other wallet's, what came to nothing goes back
 * to the wallet that it was taken from. A crash before the COMMIT leaves the job; a move ends once.
 */
async function settleMoves(context: MoveContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const moves = await readOpenMoves(context.db, ids);
  const txs = await readTxsOfOwners(
    context.db,
    moves.map(({ moveId }) => moveId),
  );
  const ending = moves.flatMap((move): Ending[] => {
    const tx = txs.get(move.moveId);
    const outcome = tx === undefined ? null : decideMove(tx.status);
    return outcome === null ? [] : [{ move, outcome, transfers: transfersOf(move, tx!, outcome) }];
  });
  await context.ledger.open(ending.flatMap(({ transfers }) => transfers));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const acting = ending.filter(({ move }) => ours.has(move.moveId));
    if (acting.length === 0) return;
    await context.ledger.lock(
      sql,
      acting.flatMap(({ transfers }) => transfers),
    );
    const ended = await endMoves(
      sql,
      acting.map(({ move, outcome }) => ({ moveId: move.moveId, outcome })),
    );
    const done = acting.filter(({ move }) => ended.has(move.moveId));
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
  });
  return [];
}

function transfersOf(move: MoveRow, tx: TxRow, outcome: 'arrived' | 'unpaid'): Transfer[] {
  const { tenantId, txId, asset, amount, correlationId } = tx;
  const slot = { tenantId, txId, asset, amount, correlationId };
  if (outcome === 'arrived') return [arriveTransfer({ ...slot, laneId: move.toLane })];
  return tx.slot === null ? [] : [unassignTransfer({ ...slot, laneId: move.fromLane })];
}

export function moveHandlers(context: MoveContext): Handler[] {
  return (['topup', 'sweep'] as const).map((kind) => ({
    topic: finalTopic(kind),
    batch: 500,
    backoff: { baseMs: 1_000, capMs: 60_000, limit: 100 },
    run: (claimed) => settleMoves(context, claimed),
  }));
}
