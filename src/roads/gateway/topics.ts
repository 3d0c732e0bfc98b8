/** Job topics of this room; subject: the call. */
export const GATEWAY_TOPICS = {
  /** By now it has been answered, or nobody is at it any more; what failed is given back. */
  end: 'gateway.end',
} as const;
