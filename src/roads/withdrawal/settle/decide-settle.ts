import type { ErrorCode, Level, SettleAt, TxState } from '../../../base/kernel/index.ts';
import { isPaidByForeign } from '../../../books/tx/index.ts';

export type SettleAction =
  | { kind: 'wait' }
  | { kind: 'commit' }
  /** Final without payment: `cancelled` where that is what the client asked for. */
  | { kind: 'fail'; cancelled: boolean; code: ErrorCode; message: string | null };

type SettleFacts = {
  status: TxState;
  settleAt: SettleAt;
  failureCode: string | null;
  failureMessage: string | null;
  slot: unknown;
};

/** What the canonical chain shows of the slot. */
type Shown = {
  level: Level;
  paid: boolean;
  /** A transaction that is not ours used its nonce for good. */
  replaced: boolean;
};

/**
 * COMMIT when the effect is paid on the canonical chain at the level it settles at; a withdrawal that was
 * REVERSED settles at finalized whatever its tier. FAILED only from an end of the transaction, which is final
 * by definition (or was never signed); one that a declared reorg took back is announced again at its new end.
 */
export function decideSettle(
  from: 'EXECUTING' | 'REVERSED',
  tx: SettleFacts,
  chain: Shown,
): SettleAction {
  switch (tx.status) {
    case 'FINAL':
    case 'INCLUDED':
      return isPaidAt(from === 'REVERSED' ? 'finalized' : tx.settleAt, chain)
        ? { kind: 'commit' }
        : { kind: 'wait' };
    case 'REVERTED':
      return isAtEnd(tx, chain)
        ? { kind: 'fail', cancelled: false, code: 'reverted', message: tx.failureMessage }
        : { kind: 'wait' };
    case 'CANCELLED':
    case 'REPLACED': {
      if (!isAtEnd(tx, chain) || isPaidByForeign(tx)) return { kind: 'wait' };
      const code = (tx.failureCode as ErrorCode | null) ?? 'filled';
      // What else was wrong with it is no longer why it ends.
      return code === 'cancelled_by_client'
        ? { kind: 'fail', cancelled: true, code, message: null }
        : { kind: 'fail', cancelled: false, code, message: tx.failureMessage };
    }
    default:
      return { kind: 'wait' };
  }
}

/** Without a slot nothing can be mined. An end is one as long as the chain shows it. */
function isAtEnd(tx: SettleFacts, chain: Shown): boolean {
  if (tx.slot === null) return true;
  return tx.status === 'REPLACED' ? chain.replaced : chain.level === 'finalized' && !chain.paid;
}

/**
 * A foreign transaction had ended it, and a declared reorg took that back. Unlike every other end it is not announced
 * again when it is there again, so whoever settles it looks again.
 */
export function isTakenBack(
  tx: Pick<SettleFacts, 'status' | 'failureCode'>,
  chain: Pick<Shown, 'replaced'> | undefined,
): boolean {
  return tx.status === 'REPLACED' && !isPaidByForeign(tx) && chain?.replaced !== true;
}

/** What was committed stands as long as this holds; else it is reversed. */
export function isPaidAt(level: SettleAt, chain: Pick<Shown, 'level' | 'paid'>): boolean {
  return chain.paid && LEVELS.indexOf(chain.level) >= LEVELS.indexOf(level);
}

const LEVELS: readonly Level[] = ['none', 'included', 'safe', 'finalized'];
