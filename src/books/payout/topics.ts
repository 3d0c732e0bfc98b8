/** Job topics of this room; subject: the order. */
export const PAYOUT_TOPICS = {
  /** Pay it, and say how it ended. */
  ordered: 'payout.ordered',
} as const;

/** An order has its outcome. */
export const payoutEndedTopic = (ownerKind: string) => `${ownerKind}.ended`;
