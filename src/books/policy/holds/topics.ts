/** Job topics of holds; subject: what is held. */
export const HOLD_TOPICS = {
  /** A hold was cleared: it may be the last that was waited for. */
  cleared: 'withdrawal.cleared',
  /** A hold was rejected, or its time is over. */
  ended: 'withdrawal.unheld',
} as const;
