import { advance, inTransaction } from '../../../base/db/index.ts';
import { PAYMENT, Transient } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { closeApprovalRequests } from '../../../books/approval/index.ts';
import { holdWindows } from '../../../books/policy/index.ts';
import { OnChain } from '../check/on-chain.ts';
import { runOutAt } from '../progress/run-out.ts';
import type { PaymentContext } from '../progress/step.ts';
import { decideEnd, type End } from './decide-end.ts';
import { lockWaiting, readWaiting, type Waiting } from './waiting.ts';

const LOOK_AGAIN_MS = 5_000;

type Judged = Waiting & { end: End };

/**
 * Ends payments that were rejected, that nobody approved in time, or whose policy does not stand any more, and gives back
 * what they took; jobs are completed with what they ended. What was approved meanwhile goes on.
 */
export async function unapprovedStep(context: PaymentContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const found = await readWaiting(context, context.db, ids);
  const judged = await Promise.all(found.map((one) => judge(context, one)));
  const staying = judged.filter(({ end }) => end.kind !== 'end');
  const again = new Set(staying.map(({ payment }) => payment.id));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(
      sql,
      claimed,
      ids.filter((id) => !again.has(id)),
    );
    const ending = judged.filter(({ payment }) => ours.has(payment.id));
    const still = await lockWaiting(
      context,
      sql,
      ending.map(({ payment }) => payment.id),
    );
    const mine = ending.filter(({ payment: { id } }) => still.some((one) => one.payment.id === id));
    const endedIds = mine.map(({ payment }) => payment.id);
    const windows = await holdWindows(sql, endedIds);
    const ends = mine.flatMap(({ payment: { id }, end }) =>
      end.kind === 'end' ? [{ id, from: 'AUTH_VERIFIED' as const, ...end }] : [],
    );
    await advance(sql, PAYMENT, ends, {
      failure_code: { type: 'text', values: ends.map(({ reason }) => reason) },
    });
    await closeApprovalRequests(sql, endedIds, 'EXPIRED');
    await windows.giveBack(sql, new Set(endedIds));
  });
  return staying.map(({ payment, request }) => ({
    kind: 'wait',
    subjectId: payment.id,
    delayMs: Math.max(LOOK_AGAIN_MS, request.content.expiry * 1000 - Date.now()),
    reason: request.expired ? 'the chain has not spoken' : 'approvers have time',
  }));
}

/** A node that does not answer leaves it for later, whatever becomes of the others. */
async function judge(context: PaymentContext, waiting: Waiting): Promise<Judged> {
  const end = decideEnd(waiting);
  if (end.kind !== 'ask') return { ...waiting, end };
  try {
    const { payment } = waiting;
    const port = context.agreed.get(payment.chainId)?.port;
    if (port === undefined || payment.head === null) return { ...waiting, end };
    const used = await new OnChain(() => port).isUsed(payment);
    const runOut = await runOutAt(port, payment, payment.head.finalized);
    return { ...waiting, end: decideEnd(waiting, { used, runOut }) };
  } catch (error) {
    if (!(error instanceof Transient)) throw error;
    const { id: paymentId } = waiting.payment;
    context.log.warn({ paymentId, error: error.message }, 'a payment can not be looked at');
    return { ...waiting, end };
  }
}
