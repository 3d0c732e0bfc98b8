/** Job topics of this room; subject: the withdrawal. */
export const WITHDRAWAL_TOPICS = {
  /** Policy decides. */
  requested: 'withdrawal.requested',
  /** Open the transaction. */
  approved: 'withdrawal.approved',
  /** A tighter policy rules than the one that decided. */
  decideAgain: 'withdrawal.decide_again',
  /** End it if it is still unsigned. */
  expire: 'withdrawal.expire',
  /** Its transaction is at the tier's level. */
  settle: 'withdrawal.settle',
  /** Its transaction is final, whatever the end. */
  final: 'withdrawal.final',
  /** What it may be committed on left the canonical chain. */
  orphaned: 'withdrawal.orphaned',
} as const;
