/** Job topics of this room; subject: the payment. */
export const PAYMENT_TOPICS = {
  /** A block holds its transaction, or has become safe with it. */
  settle: 'payment.settle',
  /** Its transaction is final, whatever the end. */
  final: 'payment.final',
  /** Its block left the canonical chain. */
  orphaned: 'payment.orphaned',
  /** Its authorization has run out: end what is not signed. */
  expire: 'payment.expire',
} as const;

/** Of a tx that a payment owns; also the operation of its intent. */
export const OWNER_KIND = 'payment';
