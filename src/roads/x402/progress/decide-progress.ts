import type { PaymentState } from '../../../base/kernel/index.ts';
import { atLeast, levelOf } from '../payment/outcome.ts';
import type { PaymentRow } from '../payment/rows.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';

/** What the chain says beside our own attempts, of a payment whose transaction ended without paying. */
export type Evidence = {
  /** Whether the authorization was taken, or its payer has cancelled it. */
  used: boolean;
  /** The chain's time at its final block has passed the authorization's end. */
  runOut: boolean;
  /** There are transfers like it of which it can not be said that they were not it. */
  alike: boolean;
};

export type Progress =
  | { kind: 'stay' }
  /** The states that it goes through, in order. */
  | { kind: 'move'; path: PaymentState[]; failure: Reason | null }
  /** Our transaction is final and did not pay: somebody else's may have, and only the chain knows. */
  | { kind: 'ask' };

const TO_INCLUDED: Partial<Record<PaymentState, PaymentState[]>> = {
  RESERVED: ['BROADCASTED', 'INCLUDED'],
  BROADCASTED: ['INCLUDED'],
  INCLUDED: [],
};

/**
 * The next states of a payment under way, by what the canonical chain shows. It goes forward by evidence of payment
 * at once; it fails only when its own transaction is final without paying and the chain was asked whether another
 * one took the authorization (`evidence`; undefined: not asked yet). Pure.
 */
export function decideProgress(row: PaymentRow, evidence?: Evidence): Progress {
  if (row.head?.halted) return { kind: 'stay' };
  const level = levelOf(row);
  if (row.status === 'SETTLED' || row.status === 'RESETTLED') {
    const stands = atLeast(level, row.status === 'SETTLED' ? row.commitAt : 'finalized');
    return stands ? { kind: 'stay' } : move(['REVERSED']);
  }
  if (row.status === 'REVERSED') {
    return level === 'finalized' ? move(['RESETTLED']) : endUnpaid(row, evidence);
  }
  const path = TO_INCLUDED[row.status];
  if (path === undefined) return { kind: 'stay' };
  if (row.paid === null) return endUnpaid(row, evidence);
  if (!atLeast(level, row.commitAt)) return path.length === 0 ? { kind: 'stay' } : move(path);
  const final: PaymentState[] = level === 'finalized' ? ['FINALIZED'] : [];
  return move([...path, ...final, 'LEDGER_COMMITTED', 'SETTLED']);
}

/** Our own transaction is over and did not pay. */
export function hasEnded({ tx }: Pick<PaymentRow, 'tx'>): boolean {
  return tx !== null && ['REVERTED', 'CANCELLED', 'REPLACED'].includes(tx.status);
}

function endUnpaid(row: PaymentRow, evidence: Evidence | undefined): Progress {
  // In a block without paying it may be another's payment at once, and a failure only when that is final.
  const failing = hasEnded(row) || row.tx?.status === 'INCLUDED';
  if (!failing || row.paid !== null) return { kind: 'stay' };
  if (evidence === undefined) return { kind: 'ask' };
  if (!hasEnded(row)) return { kind: 'stay' };
  // Taken, and no block shows by what: it is looked for in every block that could take it. Then its payer cancelled it.
  if (evidence.used) {
    const cancelled = evidence.runOut && !evidence.alike;
    return cancelled ? fail('CHAIN_FAILED', REASONS[row.method].used) : { kind: 'stay' };
  }
  if (evidence.runOut) {
    return fail('EXPIRED', REASONS[row.method].runOut);
  }
  // Closed since it ran out: the chain's clock has the word.
  if (row.tx!.failureCode === 'expired') return { kind: 'stay' };
  return fail('CHAIN_FAILED', reasonOf(row));
}

function reasonOf({ tx, method }: PaymentRow): Reason {
  switch (tx!.failureCode) {
    case 'simulation_reverted':
      return REASONS[method].simulation;
    case 'policy_superseded':
      return 'policy_denied';
    default:
      return REASONS[method].failed;
  }
}

function move(path: PaymentState[]): Progress {
  return { kind: 'move', path, failure: null };
}

function fail(state: PaymentState, failure: Reason): Progress {
  return { kind: 'move', path: [state], failure };
}
