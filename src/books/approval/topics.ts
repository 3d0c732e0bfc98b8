/** Job topics of this room by whose payment persons were asked about; subject: that, as the road of its kind knows it. */
export const APPROVAL_TOPICS = {
  withdrawal: {
    /** Enough approvals are there. */
    approved: 'withdrawal.approve',
    /** It was rejected, or nobody approved it in time. */
    ended: 'withdrawal.unapproved',
  },
  payment: { approved: 'payment.approve', ended: 'payment.unapproved' },
} as const;

export type ApprovalOwner = keyof typeof APPROVAL_TOPICS;
