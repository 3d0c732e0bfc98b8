import type { PaymentState } from '../../../base/kernel/index.ts';
import type { ApprovalRequest } from '../../../books/approval/index.ts';
import type { PaymentRow } from '../payment/rows.ts';
import type { Evidence } from '../progress/decide-progress.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';

export type End =
  | { kind: 'end'; to: Extract<PaymentState, 'AUTH_REJECTED' | 'EXPIRED'>; reason: Reason }
  | { kind: 'wait' }
  /** The time of its authorization is over by our clock: only the chain's counts. */
  | { kind: 'ask' };

type Facts = {
  payment: Pick<PaymentRow, 'method' | 'validBefore'>;
  request: Pick<ApprovalRequest, 'status' | 'expired'> & { content: { expiry: number } };
  superseded: boolean;
};

/**
 * What becomes of a payment that waits for persons, beside their yes. Pure. Nothing of it was signed, so a no, a tightened
 * policy or the end of the approvers' time ends it at once. Where that is the end of its authorization, too, it has
 * expired when the chain says so; whoever else took the authorization by then has not paid by us.
 */
export function decideEnd(
  { payment, request, superseded }: Facts,
  evidence?: Pick<Evidence, 'used' | 'runOut'>,
): End {
  if (request.status === 'REJECTED') return rejected('approval_rejected');
  if (superseded) return rejected('policy_superseded');
  // Approved in time, and too late to go on by it, is as good as not.
  if (!request.expired) return { kind: 'wait' };
  if (BigInt(request.content.expiry) < payment.validBefore) return rejected('approval_expired');
  if (evidence === undefined) return { kind: 'ask' };
  if (evidence.used) return rejected(REASONS[payment.method].used);
  if (!evidence.runOut) return { kind: 'wait' };
  return { kind: 'end', to: 'EXPIRED', reason: REASONS[payment.method].runOut };
}

function rejected(reason: Reason): End {
  return { kind: 'end', to: 'AUTH_REJECTED', reason };
}
