/** Job topics of this room; subject: what was asked about, as the road of its kind knows it. */
export const APPROVAL_TOPICS = {
  /** Enough approvals are there. */
  approved: 'withdrawal.approve',
  /** It was rejected, or nobody approved it in time. */
  ended: 'withdrawal.unapproved',
} as const;
