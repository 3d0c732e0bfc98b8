/** Job topics of this room: typed constants, so that rooms that may not import each other can meet. */
export const TX_TOPICS = {
  /** subject: tx. Simulate, price, give a slot, order a signature. */
  prepare: 'tx.prepare',
  /** subject: tx. Close the tx's slot by its filler. */
  fill: 'tx.fill',
  /** subject: attempt. Send its bytes. */
  send: 'tx.send',
  /** subject: tx. Book the gas of its finalized slot. */
  gas: 'tx.gas',
} as const;

/** The owner is told at the level it settles at, and at finality (whatever the end). */
export const settleTopic = (ownerKind: string) => `${ownerKind}.settle`;
export const finalTopic = (ownerKind: string) => `${ownerKind}.final`;

export const WAKE_SIGNER = 'payonce_signature_request';
export const WAKE_COLLECT = 'payonce_signature';
