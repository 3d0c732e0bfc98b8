import type { TxState, WithdrawalState } from '../../../base/kernel/index.ts';
import type { PayoutEnd } from '../../../books/payout/index.ts';

/** What an order's withdrawal shows. */
export type Shown = {
  status: WithdrawalState;
  failureCode: string | null;
  /** Null: it has no transaction. */
  tx: TxState | null;
  /** What it was committed on left the canonical chain, and nobody has looked at that yet. */
  orphaned: boolean;
};

const PAID: readonly WithdrawalState[] = ['COMPLETED', 'RESETTLED'];
const UNPAID: readonly WithdrawalState[] = ['REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED'];
const FINAL: readonly TxState[] = ['FINAL', 'REVERTED', 'REPLACED', 'CANCELLED'];

/**
 * How an order ended; null: it has not. What was committed at safe counts when its transaction is final: until then a
 * reorg may take it back. Pure.
 */
export function decidePayout({ status, failureCode, tx, orphaned }: Shown): PayoutEnd | null {
  if (UNPAID.includes(status)) {
    return { outcome: 'unpaid', failureCode: failureCode ?? status.toLowerCase() };
  }
  const isFinal = tx !== null && FINAL.includes(tx);
  return PAID.includes(status) && isFinal && !orphaned ? { outcome: 'paid' } : null;
}
