import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { Transient, WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../../base/queue/index.ts';
import { closeApprovalRequests, readApprovalRequests } from '../../../books/approval/index.ts';
import { releaseTransfer } from '../../../books/ledger/index.ts';
import {
  closeHolds,
  decideBatchAgain,
  openHolds,
  readHolds,
  readSupersededDecisions,
} from '../../../books/policy/index.ts';
import {
  decideTxsAgain,
  readTxsOfOwners,
  refuseUnslotted,
  type TxRow,
} from '../../../books/tx/index.ts';
import { askApprovers, requirementsOf } from '../approval/ask.ts';
import type { WithdrawalContext } from '../context.ts';
import { foresee, judge } from '../decision/judge.ts';
import { screen } from '../decision/screen.ts';
import { executeUnfrozen } from '../execute.ts';
import { ledgerOrderOf, readSteps, type StepRow } from '../rows.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { type Again, againOf, setDecisions } from './decided.ts';

const LOOK_AGAIN_MS = 1_000;

/**
 * Decides anew what a policy decided that something which tightens came after, and that has no nonce. Who waits for
 * persons is denied, asked about anew, or goes on; whose transaction is open goes on by the new decision, or ends. What
 * the old decision took is given back in the same act. A crash before the COMMIT leaves the job and the old decision, on
 * which nothing is signed any more.
 */
export async function decideAgainStep(
  context: WithdrawalContext,
  claimed: Claim,
): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const txs = await readTxsOfOwners(context.db, ids);
  const stale = await superseded(context, ids, txs);
  const screened = await screen(context, context.db, stale);
  await context.ledger.open(stale.map((row) => releaseTransfer(ledgerOrderOf(row))));
  const foreseen = await foresee(context, stale, screened);
  const waiting = new Set(stale.filter((row) => screened.get(row)?.kind === 'wanted'));
  await undoneByWaits(waiting, () =>
    inTransaction(context.db, async (sql) => {
      const ours = await complete(sql, claimed);
      const asked = stale.filter(({ id }) => ours.has(id));
      await lookLater(
        sql,
        asked.filter((row) => waiting.has(row)),
      );
      const mine = asked.filter((row) => !waiting.has(row));
      if (mine.length === 0) return;
      const judged = await judge(context, sql, mine, { foreseen, ready: null }, decideBatchAgain);
      const found = mine.filter((row) => judged.decisionOf(row).waits);
      if (found.length > 0) throw new Waits(found);
      const all = mine.map((row) => {
        const decision = judged.decisionOf(row);
        const own = requirementsOf(context, row);
        const decisionId = judged.decisionIdOf(row);
        return againOf(row, txs.get(row.id), { decision, own, decisionId });
      });
      const { policyVersion } = judged;
      await act({ ...context, policyVersion }, sql, all);
      const spends = all.filter(({ next }) => next !== 'denied' && next !== 'ended');
      await judged.charge(sql, new Map(spends.map((one) => [one.row.id, one.decisionId])));
    }),
  );
  return [];
}

/** That nobody can say yet how risky these destinations are was found after what they took had been given back. */
class Waits extends Error {
  readonly rows: readonly StepRow[];

  constructor(rows: readonly StepRow[]) {
    super('nobody can say how risky a destination is');
    this.rows = rows;
  }
}

/** Who waits keeps what its old decision took, which may rule again: the act is undone, and done without it. */
async function undoneByWaits(waiting: Set<StepRow>, act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Waits)) throw error;
      for (const row of error.rows) waiting.add(row);
    }
  }
}

/** Those that may be decided about anew: nothing of them has a nonce, nobody wants them back, and no person said no. */
async function superseded(
  { db }: WithdrawalContext,
  ids: readonly string[],
  txs: ReadonlyMap<string, TxRow>,
): Promise<StepRow[]> {
  const open = (await readSteps(db, ids)).filter((row) => {
    if (row.expired || row.decisionId === null || row.cancelling) return false;
    return row.status === 'EXECUTING'
      ? txs.get(row.id)?.status === 'CREATED'
      : row.status === 'AWAITING_APPROVAL';
  });
  const stale = await readSupersededDecisions(
    db,
    open.map(({ decisionId }) => decisionId!),
  );
  const found = open.filter(({ decisionId }) => stale.has(decisionId!));
  const rejected = await rejectedByPersons(
    db,
    found.map(({ id }) => id),
  );
  return found.filter(({ id }) => !rejected.has(id));
}

/** Their no ends a withdrawal by a job of its own, whatever another policy would say. */
async function rejectedByPersons(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const requests = [...(await readApprovalRequests(sql, ids)).values()];
  const holds = ids.length === 0 ? [] : await readHolds(sql, ids);
  return new Set([
    ...requests.flatMap(({ status, ownerId }) => (status === 'REJECTED' ? ownerId : [])),
    ...holds.flatMap(({ answer, subjectId }) => (answer === 'rejected' ? subjectId : [])),
  ]);
}

function lookLater(sql: Sql, rows: readonly StepRow[]): Promise<void> {
  return enqueue(
    sql,
    rows.map(({ id, tenantId, correlationId }) => ({
      ...{ topic: WITHDRAWAL_TOPICS.decideAgain, subjectId: id, tenantId, trace: correlationId },
      delayMs: LOOK_AGAIN_MS,
    })),
  );
}

/** Locks as everybody does: windows stand locked, then accounts, transactions, withdrawals. */
async function act(context: WithdrawalContext, sql: Sql, all: readonly Again[]): Promise<void> {
  const to = (next: Again['next']) => all.filter((one) => one.next === next);
  const releases = to('denied').map(({ row }) => releaseTransfer(ledgerOrderOf(row)));
  await context.ledger.lock(sql, releases);
  const kept = await decideTxsAgain(
    sql,
    to('kept').map(({ row, tx, decisionId }) => {
      return { tx: tx!, from: row.decisionId!, decisionId };
    }),
  );
  const ended = await refuseUnslotted(
    sql,
    to('ended').map((one) => ({ tx: one.tx!, ...one.end! })),
  );
  const moved = await advance(
    sql,
    WITHDRAWAL,
    [...to('denied'), ...to('approved')].map(({ row, next }) => ({
      id: row.id,
      from: 'AWAITING_APPROVAL' as const,
      to: next === 'denied' ? ('REJECTED' as const) : ('APPROVED' as const),
    })),
    {
      failure_code: {
        type: 'text',
        values: [...to('denied'), ...to('approved')].map(({ end }) => end?.code ?? null),
      },
      failure_message: {
        type: 'text',
        values: [...to('denied'), ...to('approved')].map(({ end }) => end?.message ?? null),
      },
    },
  );
  // What ended stays under the decision that its transaction consumed.
  const set = await setDecisions(
    sql,
    all.filter(({ next }) => next !== 'ended'),
  );
  // Somebody cancelled it, or gave it a slot: everything is undone and read again.
  const done = kept.size + ended.size + moved.size + to('asked').length;
  if (done < all.length || set + ended.size < all.length) {
    throw new Transient('a withdrawal moved while it was decided about anew');
  }
  await context.ledger.post(sql, releases);
  await askAnew(context, sql, all);
  await executeUnfrozen(
    context,
    sql,
    to('approved').map(({ row, decisionId, decision: { tier } }) => ({
      ...{ ...row, decisionId, riskTier: tier!.name, commitAt: tier!.commitAt },
    })),
  );
  await tell(sql, all);
}

/** What the earlier decision asked of persons is closed; what this one asks is asked. */
async function askAnew(context: WithdrawalContext, sql: Sql, all: readonly Again[]): Promise<void> {
  const waited = all.flatMap(({ row }) => (row.status === 'AWAITING_APPROVAL' ? row.id : []));
  await closeApprovalRequests(sql, waited, 'CANCELLED');
  await closeHolds(sql, waited, 'cancelled');
  // Closed is what waited still; who answered before that is read now.
  if ((await rejectedByPersons(sql, waited)).size > 0) {
    throw new Transient('a person rejected a withdrawal while it was decided about anew');
  }
  const asked = all.filter(({ next }) => next === 'asked');
  await askApprovers(
    context,
    sql,
    asked.filter(({ requirements }) => requirements.length > 0),
  );
  await openHolds(
    sql,
    asked
      .filter(({ decision }) => decision.holds.length > 0)
      .map(({ row, decisionId, decision: { holds } }) => {
        const { id, tenantId, correlationId } = row;
        return { subjectId: id, tenantId, correlationId, decisionId, holds };
      }),
  );
}

function tell(sql: Sql, all: readonly Again[]): Promise<void> {
  return writeEvents(
    sql,
    all.map(({ row, decisionId, decision: { verdict, reason } }) => ({
      ...{ tenantId: row.tenantId, type: 'withdrawal.decided_again', subjectId: row.id },
      correlationId: row.correlationId,
      data: { decisionId, before: row.decisionId, verdict, reason },
    })),
  );
}
