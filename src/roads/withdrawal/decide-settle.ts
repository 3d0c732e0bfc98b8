import type { ErrorCode, Level, TxState } from '../../base/kernel/index.ts';

export type SettleAction =
  | { kind: 'wait' }
  | { kind: 'commit' }
  /** Final without payment: `cancelled` where that is what the client asked for. */
  | { kind: 'fail'; cancelled: boolean; code: ErrorCode; message: string | null };

type SettleFacts = {
  status: TxState;
  settleAt: 'safe' | 'finalized';
  failureCode: string | null;
  failureMessage: string | null;
};

/**
 * COMMIT when the effect is paid on the canonical chain at the level it settles at. FAILED only from an end
 * of the transaction, which is final by definition (or was never signed).
 */
export function decideSettle(
  tx: SettleFacts,
  chain: { level: Level; paid: boolean },
): SettleAction {
  switch (tx.status) {
    case 'FINAL':
    case 'INCLUDED': {
      const reached =
        chain.level === 'finalized' || (chain.level === 'safe' && tx.settleAt === 'safe');
      return chain.paid && reached ? { kind: 'commit' } : { kind: 'wait' };
    }
    case 'REVERTED':
      return { kind: 'fail', cancelled: false, code: 'reverted', message: tx.failureMessage };
    case 'CANCELLED':
    case 'REPLACED': {
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
