import type { RefusalCode } from '../../../base/kernel/index.ts';
import type { Call } from './rows.ts';

/** What became of a payment, by whom it was made; declared here and told by bin. */
export type Standing =
  | { kind: 'paid'; receipt: Record<string, unknown> }
  | { kind: 'failed'; reason: string }
  /** Reserved, and the chain has not spoken. */
  | { kind: 'under_way' }
  /** Nothing was reserved; `runOut`: nor can it be any more, and that is why. */
  | { kind: 'open'; runOut: string | null };

export type Next =
  | { kind: 'rest' }
  | { kind: 'wait'; delayMs: number; reason: string }
  | { kind: 'unpaid'; reason: string }
  /** To its upstream, once it is written that it is paid, where that is news. */
  | { kind: 'forward'; receipt: Record<string, unknown> | null }
  /** Its answer is paid for, and may be told. */
  | { kind: 'serve'; receipt: Record<string, unknown> }
  /** Its answer is written down, and nobody has taken what that came to. */
  | { kind: 'charge' }
  /** Whoever forwarded it is gone, and the upstream may have been asked. */
  | { kind: 'fail' }
  | { kind: 'refund' };

const SOON_MS = 1_000;
const UNDER_WAY_MS = 2_000;
const OPEN_MS = 10_000;
const NOT_FINAL_MS = 3_000;
const NOT_CONFIGURED_MS = 60_000;

type Facts = Pick<
  Call,
  'status' | 'overdue' | 'dueInMs' | 'failureCode' | 'onFailure' | 'refundId' | 'refundRefused'
>;

/**
 * What is to be done for a call that nobody may be at any more. Pure. Of one that is being paid the payment says it: nobody
 * was charged before that is reserved, so until its time is over its payer may still come and go on.
 */
export function decideEnd(call: Facts, standing: Standing | undefined): Next {
  switch (call.status) {
    case 'PAYING':
      return ofPaying(standing);
    case 'CHARGING': {
      const next = ofPaying(standing);
      if (next.kind === 'forward') return { kind: 'serve', receipt: next.receipt! };
      return standing?.kind === 'open' && standing.runOut === null ? { kind: 'charge' } : next;
    }
    case 'PAID':
      // One that its upstream failed before is its payer's to ask for again.
      return call.failureCode === null ? { kind: 'forward', receipt: null } : { kind: 'rest' };
    case 'FORWARDING': {
      const delayMs = Math.max(SOON_MS, call.dueInMs);
      return call.overdue
        ? { kind: 'fail' }
        : { kind: 'wait', delayMs, reason: 'it is being forwarded' };
    }
    case 'FAILED': {
      const owed = call.onFailure === 'refund' && !call.refundId && !call.refundRefused;
      return { kind: owed ? 'refund' : 'rest' };
    }
    default:
      return { kind: 'rest' };
  }
}

/**
 * Whether a refund that was refused is asked for again: it is owed, and what stands in its way passes by itself (the payment is not
 * final) or with the configuration (its asset is not in it now). Any other refusal is told, and a person's to mend. Pure.
 */
export function retryRefundMs(code: RefusalCode): number | null {
  if (code === 'not_refundable') return NOT_FINAL_MS;
  return code === 'unknown_asset' ? NOT_CONFIGURED_MS : null;
}

function ofPaying(standing: Standing | undefined): Next {
  switch (standing?.kind) {
    case 'paid':
      return { kind: 'forward', receipt: standing.receipt };
    case 'failed':
      return { kind: 'unpaid', reason: standing.reason };
    case 'open':
      return standing.runOut !== null
        ? { kind: 'unpaid', reason: standing.runOut }
        : { kind: 'wait', delayMs: OPEN_MS, reason: 'nothing was reserved for it' };
    default:
      return { kind: 'wait', delayMs: UNDER_WAY_MS, reason: 'its payment is under way' };
  }
}
