/** Job topics of this room: typed constants, so that rooms that may not import each other can meet. */
export const TX_TOPICS = {
  /** subject: tx. Simulate, price, give a slot, order a signature. */
  prepare: 'tx.prepare',
  /** subject: tx. Close the tx's slot by its filler. */
  fill: 'tx.fill',
  /** subject: attempt. Send its bytes. */
  send: 'tx.send',
  /** subject: lane, see laneSubject. Book the gas of its finalized slots. */
  gas: 'tx.gas',
} as const;

/** The owner is told at the level it settles at, and at finality (whatever the end). */
export const settleTopic = (ownerKind: string) => `${ownerKind}.settle`;
export const finalTopic = (ownerKind: string) => `${ownerKind}.final`;
/** What was decided about the owner does not hold any more, and it has no slot yet. */
export const decideAgainTopic = (ownerKind: string) => `${ownerKind}.decide_again`;
/** An inclusion at the level that the owner settles at left the canonical chain. */
export const orphanedTopic = (ownerKind: string) => `${ownerKind}.orphaned`;

export const WAKE_SIGNER = 'payonce_signature_request';
/** The signer is asked about transactions without a slot. */
export const WAKE_DRY_JUDGE = 'payonce_dry_question';
export const WAKE_COLLECT = 'payonce_signature';
export const WAKE_REPLACE = 'payonce_speed_up';
/** A chain's head has risen. */
export const WAKE_HEADS = 'payonce_head';

/** A lane as the subject of a job: its id in the last 32 bits of a UUID. */
export function laneSubject(laneId: number): string {
  return `00000000-0000-0000-0000-${laneId.toString(16).padStart(12, '0')}`;
}

export function laneOfSubject(subjectId: string): number {
  return Number.parseInt(subjectId.slice(24), 16);
}
