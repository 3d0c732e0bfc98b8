import type { Handler } from '../../base/queue/index.ts';
import { APPROVAL_TOPICS } from '../../books/approval/index.ts';
import { PAYOUT_TOPICS } from '../../books/payout/index.ts';
import { HOLD_TOPICS } from '../../books/policy/index.ts';
import { decideAgainStep } from './again/step.ts';
import { approveStep } from './approval/approve.ts';
import { unapprovedStep } from './approval/unapproved.ts';
import { unheldStep } from './approval/unheld.ts';
import type { WithdrawalContext } from './context.ts';
import { validateStep } from './decision/validate.ts';
import { executeStep } from './execute.ts';
import { payoutStep } from './payout/step.ts';
import { reverseStep } from './settle/reverse.ts';
import { settleStep } from './settle/settle.ts';
import { expireStep } from './stop/expire.ts';
import { WITHDRAWAL_TOPICS } from './topics.ts';

const BATCH = 1_000;
const FAST = { baseMs: 500, capMs: 30_000, limit: 50 };
const SLOW = { baseMs: 15_000, capMs: 600_000, limit: 100 };

/** The steps of this road by the role that runs them. */
export function validatorHandlers(context: WithdrawalContext): Handler[] {
  return [
    {
      topic: WITHDRAWAL_TOPICS.requested,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => validateStep(context, claimed),
    },
    {
      topic: WITHDRAWAL_TOPICS.approved,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => executeStep(context, claimed),
    },
    ...[APPROVAL_TOPICS.withdrawal.approved, HOLD_TOPICS.cleared].map(
      (topic): Handler => ({
        topic,
        batch: BATCH,
        backoff: FAST,
        run: (claimed) => approveStep(context, claimed),
      }),
    ),
    {
      topic: WITHDRAWAL_TOPICS.decideAgain,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => decideAgainStep(context, claimed),
    },
    {
      topic: HOLD_TOPICS.ended,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => unheldStep(context, claimed),
    },
    {
      topic: APPROVAL_TOPICS.withdrawal.ended,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => unapprovedStep(context, claimed),
    },
    {
      topic: PAYOUT_TOPICS.ordered,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => payoutStep(context, claimed),
    },
    {
      topic: WITHDRAWAL_TOPICS.expire,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => expireStep(context, claimed),
    },
  ];
}

export function settlerHandlers(context: WithdrawalContext): Handler[] {
  return [
    ...[WITHDRAWAL_TOPICS.settle, WITHDRAWAL_TOPICS.final].map(
      (topic): Handler => ({
        topic,
        batch: BATCH,
        backoff: SLOW,
        run: (claimed) => settleStep(context, claimed),
      }),
    ),
    {
      topic: WITHDRAWAL_TOPICS.orphaned,
      batch: BATCH,
      backoff: FAST,
      run: (claimed) => reverseStep(context, claimed),
    },
  ];
}
