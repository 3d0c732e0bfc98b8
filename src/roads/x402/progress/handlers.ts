import type { Handler } from '../../../base/queue/index.ts';
import { APPROVAL_TOPICS } from '../../../books/approval/index.ts';
import { payoutEndedTopic } from '../../../books/payout/index.ts';
import { approveStep } from '../approval/approve.ts';
import { unapprovedStep } from '../approval/unapproved.ts';
import { refundEndedStep } from '../refund/ended.ts';
import { PAYMENT_TOPICS } from '../topics.ts';
import { expireStep, type PaymentContext, progressStep } from './step.ts';

const BATCH = 500;
const FAST = { baseMs: 500, capMs: 30_000, limit: 1_000 };

/** The steps of this road; they belong to the settler. */
export function paymentHandlers(context: PaymentContext): Handler[] {
  const { settle, final, orphaned, expire } = PAYMENT_TOPICS;
  return [
    ...[settle, final, orphaned].map(
      (topic): Handler => ({
        topic,
        batch: BATCH,
        backoff: FAST,
        run: (claimed) => progressStep(context, claimed),
      }),
    ),
    {
      topic: payoutEndedTopic('refund'),
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => refundEndedStep(context, claimed),
    },
    {
      topic: APPROVAL_TOPICS.payment.approved,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => approveStep(context, claimed),
    },
    {
      topic: APPROVAL_TOPICS.payment.ended,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => unapprovedStep(context, claimed),
    },
    { topic: expire, batch: BATCH, backoff: FAST, run: (claimed) => expireStep(context, claimed) },
  ];
}
