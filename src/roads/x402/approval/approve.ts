import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { PAYMENT } from '../../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../../base/queue/index.ts';
import {
  APPROVAL_TOPICS,
  approvedOwners,
  consumeApprovals,
} from '../../../books/approval/index.ts';
import { earningAccounts } from '../../../books/ledger/index.ts';
import { earningMove, isCustodial } from '../payment/earning.ts';
import { openPayments } from '../payment/open.ts';
import type { PaymentContext } from '../progress/step.ts';
import { lockWaiting, readWaiting, type Waiting } from './waiting.ts';

/**
 * AUTH_VERIFIED → RESERVED, where enough approvers have said yes in time and the policy that decided still stands: by the
 * decision that they were asked about, which took from the windows then. What does not stand is ended by
 * `unapprovedStep`. A crash before the COMMIT leaves the job.
 */
export async function approveStep(context: PaymentContext, claimed: Claim): Promise<Outcome[]> {
  const { db, ledger } = context;
  const ids = claimed.jobs.map((job) => job.subjectId);
  const found = (await readWaiting(context, db, ids)).map(({ payment }) => payment);
  const custodial = found.filter(isCustodial);
  await ledger.open(custodial.map((row) => earningAccounts(earningMove('EXPECT', row))));
  await inTransaction(db, async (sql) => {
    const ours = await complete(sql, claimed);
    const waiting = await lockWaiting(
      context,
      sql,
      found.flatMap(({ id }) => (ours.has(id) ? id : [])),
    );
    const standing = waiting.filter(({ superseded }) => !superseded);
    await endLater(
      sql,
      waiting.filter(({ superseded }) => superseded),
    );
    const approved = await approvedOwners(
      sql,
      standing.map(({ payment, decisionId }) => ({ ownerId: payment.id, decisionId })),
    );
    await reserveApproved(
      context,
      sql,
      standing.filter(({ payment }) => approved.has(payment.id)),
    );
  });
  return [];
}

function endLater(sql: Sql, waiting: readonly Waiting[]): Promise<void> {
  return enqueue(
    sql,
    waiting.map(({ payment: { id: subjectId, tenantId, correlationId: trace } }) => {
      return { topic: APPROVAL_TOPICS.payment.ended, subjectId, tenantId, trace };
    }),
  );
}

type Approved = Parameters<typeof openPayments>[2];

async function reserveApproved(
  { ledger }: PaymentContext,
  sql: Sql,
  approved: Approved,
): Promise<void> {
  if (approved.length === 0) return;
  await advance(
    sql,
    PAYMENT,
    approved.map(({ payment }) => ({ id: payment.id, from: 'AUTH_VERIFIED', to: 'RESERVED' })),
  );
  const txIds = await openPayments(sql, ledger, approved);
  await consumeApprovals(
    sql,
    approved.map(({ decisionId }, index) => ({ decisionId, txId: txIds[index]! })),
  );
}
