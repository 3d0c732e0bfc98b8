import type { ChainPort } from '../../../base/chain/index.ts';
import { advance, type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { type Log, PAYMENT, type PaymentState, Transient } from '../../../base/kernel/index.ts';
import {
  type Claim,
  complete,
  enqueue,
  type JobRequest,
  type Outcome,
} from '../../../base/queue/index.ts';
import {
  type EarningMove,
  earningAccounts,
  earningTransfers,
  type Ledger,
} from '../../../books/ledger/index.ts';
import { holdWindows, type Policies } from '../../../books/policy/index.ts';
import { lockHeads, readTxs, stopUnclaimed } from '../../../books/tx/index.ts';
import { OnChain } from '../check/on-chain.ts';
import { earningMove, endArrivals, isCustodial } from '../payment/earning.ts';
import { atLeast, levelOf } from '../payment/outcome.ts';
import { lockPayments, type PaymentRow, readPayments } from '../payment/rows.ts';
import { PAYMENT_TOPICS } from '../topics.ts';
import { decideProgress, type Evidence, hasEnded, type Progress } from './decide-progress.ts';
import { findLanding, insertLandings, type Landing } from './landing.ts';
import { runOutAt } from './run-out.ts';

export type PaymentContext = {
  db: Db;
  ledger: Ledger;
  policies: Policies;
  /** As far as enough of their nodes agree: ends rest on them. */
  agreed: ReadonlyMap<number, { port: ChainPort }>;
  log: Log;
};

const LOOK_AGAIN_MS = 5_000;

type Seen = { row: PaymentRow; evidence?: Evidence; landing: Landing | null };

/**
 * Takes payments on by what the chain shows of them. Where our transaction ended without paying, the chain is asked whether
 * somebody else's took the authorization: that is then the payment. The level is read again under the head's
 * lock. A crash before the COMMIT leaves the job.
 */
export async function progressStep(context: PaymentContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const rows = [...(await readPayments(context.db, ids)).values()];
  const seen = await Promise.all(rows.map((row) => look(context, row)));
  const again = new Set(seen.filter(isOpen).map(({ row }) => row.id));
  const custodial = rows.filter(isCustodial);
  await context.ledger.open(custodial.map((row) => earningAccounts(earningMove('EARN', row))));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(
      sql,
      claimed,
      ids.filter((id) => !again.has(id)),
    );
    const acting = seen.filter((one) => ours.has(one.row.id) && isForActing(one));
    await insertLandings(
      sql,
      new Map(acting.map(({ row }) => [row.id, row.chainId])),
      acting.flatMap(({ landing }) => landing ?? []),
    );
    await act(context.ledger, sql, acting);
  });
  return [...again].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: LOOK_AGAIN_MS,
    reason: 'the chain has not spoken',
  }));
}

/** A node that does not answer leaves it for later, whatever becomes of the others. */
async function look(context: PaymentContext, row: PaymentRow): Promise<Seen> {
  if (decideProgress(row).kind !== 'ask') return { row, landing: null };
  try {
    const port = context.agreed.get(row.chainId)?.port;
    if (port === undefined || row.head === null) return { row, landing: null };
    const { landing, alike } = await findLanding(context.db, port, row);
    const chain = new OnChain(() => port);
    const used = landing !== null || (await chain.isUsed(row));
    const runOut = await runOutAt(port, row, row.head.finalized);
    return { row, landing, evidence: { used, runOut, alike } };
  } catch (error) {
    if (!(error instanceof Transient)) throw error;
    context.log.warn({ paymentId: row.id, error: error.message }, 'a payment can not be looked at');
    return { row, landing: null };
  }
}

/** Its transaction is over and it is not: neither a block nor its time has ended it. */
function isOpen({ row, evidence, landing }: Seen): boolean {
  if (landing !== null || decideProgress(row).kind !== 'ask') return false;
  return evidence === undefined || decideProgress(row, evidence).kind === 'stay';
}

/** What stands as it should is read once: whatever comes meanwhile asks for a look of its own. */
function isForActing({ row, evidence, landing }: Seen): boolean {
  if (landing !== null || isCustodial(row) || hasEnded(row)) return true;
  return decideProgress(row, evidence).kind === 'move';
}

async function act(ledger: Ledger, sql: Sql, seen: readonly Seen[]): Promise<void> {
  if (seen.length === 0) return;
  const { balanceOf, windows } = await lockBooks(ledger, sql, seen);
  await lockHeads(sql, [...new Set(seen.map(({ row }) => row.chainId))], 'share');
  const now = await readPayments(
    sql,
    seen.map(({ row }) => row.id),
  );
  const moves = seen.flatMap(({ row, evidence }) => {
    const current = now.get(row.id)!;
    const progress = decideProgress(current, evidence);
    return progress.kind === 'move' ? [{ row: current, progress }] : [];
  });
  const entered = await movePaths(sql, moves);
  const earned = moves.flatMap(({ row }) => earnedBy(row, entered.get(row.id) ?? []));
  await ledger.post(sql, earningTransfers(earned, balanceOf));
  const reached = [...now.values()].map((row) => ({
    ...row,
    status: entered.get(row.id)?.at(-1) ?? row.status,
  }));
  await endArrivals(sql, reached);
  await windows.giveBack(sql, new Set(reached.filter(isUnpaid).map(({ id }) => id)));
  // Paid by somebody else's transaction: nobody tells when that becomes final, or that its block is gone, or where it is next.
  const waiting = reached.filter((row) => {
    const landed = row.paid !== null && !atLeast(levelOf(row), 'finalized');
    return hasEnded(row) && (landed || row.status === 'REVERSED');
  });
  await enqueue(
    sql,
    waiting.map((row) => ({
      topic: PAYMENT_TOPICS.final,
      subjectId: row.id,
      tenantId: row.tenantId,
      delayMs: LOOK_AGAIN_MS,
      trace: row.correlationId,
    })),
  );
}

type Move = { row: PaymentRow; progress: Progress & { kind: 'move' } };

/**
 * The rows first, as where they are reserved, then the windows of policy that may get back what they took, then the accounts;
 * all before the heads. Of payments to others that do not end unpaid there is nothing to lock.
 */
async function lockBooks(ledger: Ledger, sql: Sql, seen: readonly Seen[]) {
  // Without having been asked about nothing ends unpaid.
  const ending = seen.filter(({ evidence }) => evidence !== undefined).map(({ row }) => row.id);
  const rows = seen.map(({ row }) => row).filter(isCustodial);
  await lockPayments(sql, [...new Set([...rows.map(({ id }) => id), ...ending])]);
  const windows = await holdWindows(sql, ending);
  const accounts = rows.map((row) => earningAccounts(earningMove('EARN', row)));
  return { windows, balanceOf: await ledger.lock(sql, accounts) };
}

function isUnpaid({ status }: Pick<PaymentRow, 'status'>): boolean {
  return status === 'CHAIN_FAILED' || status === 'EXPIRED';
}

/** What the states that it entered mean for its merchant. */
function earnedBy(row: PaymentRow, entered: readonly PaymentState[]): EarningMove[] {
  if (!isCustodial(row)) return [];
  return entered.flatMap((state) => {
    const kind = EARNS[state];
    return kind === undefined ? [] : [earningMove(kind, row)];
  });
}

const EARNS: Partial<Record<PaymentState, EarningMove['kind']>> = {
  SETTLED: 'EARN',
  RESETTLED: 'EARN',
  REVERSED: 'UNEARN',
  CHAIN_FAILED: 'LAPSE',
  EXPIRED: 'LAPSE',
};

/** Each by its own path, all that take the same step at once. Returns the states that each entered, in order. */
async function movePaths(sql: Sql, moves: readonly Move[]): Promise<Map<string, PaymentState[]>> {
  const entered = new Map<string, PaymentState[]>();
  let standing = moves.map(({ row, progress }) => ({
    id: row.id,
    at: row.status,
    failure: progress.failure,
    path: progress.path,
  }));
  while (standing.length > 0) {
    const moved = await advance(
      sql,
      PAYMENT,
      standing.map(({ id, at, path }) => ({ id, from: at, to: path[0]! })),
      { failure_code: { type: 'text', values: standing.map(({ failure }) => failure) } },
    );
    for (const { id, path } of standing) {
      if (moved.has(id)) entered.set(id, [...(entered.get(id) ?? []), path[0]!]);
    }
    standing = standing
      .filter(({ id, path }) => moved.has(id) && path.length > 1)
      .map((item) => ({ ...item, at: item.path[0] as PaymentState, path: item.path.slice(1) }));
  }
  return entered;
}

/**
 * Ends what has run out and is not signed: nobody signs it any more, and a slot that it has is closed. What may be signed
 * is left to the chain.
 */
export async function expireStep(context: PaymentContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const rows = [...(await readPayments(context.db, ids)).values()];
  const txs = await readTxs(
    context.db,
    rows.flatMap(({ tx }) => tx?.txId ?? []),
  );
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const mine = rows.filter(({ id }) => ours.has(id));
    const stopping = mine.flatMap(({ tx }) => (tx === null ? [] : (txs.get(tx.txId) ?? [])));
    const stopped = await stopUnclaimed(sql, stopping, 'expired');
    await enqueue(
      sql,
      mine.flatMap(({ id: subjectId, tenantId, correlationId: trace, tx }): JobRequest[] => {
        const about = { subjectId, tenantId, trace };
        if (tx === null) return [];
        if (stopped.has(tx.txId)) return [{ ...about, topic: PAYMENT_TOPICS.final }];
        // It moved at this moment, or is being signed: the next look tells.
        const unsigned = tx.status === 'CREATED' || tx.status === 'SLOTTED';
        return unsigned ? [{ ...about, topic: PAYMENT_TOPICS.expire, delayMs: LOOK_AGAIN_MS }] : [];
      }),
    );
  });
  return [];
}
