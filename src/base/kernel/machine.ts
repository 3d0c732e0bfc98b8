/**
 * State machines as data. From these come the TypeScript unions, the rows of state_transition and
 * state_initial, the CHECKs and triggers (written by scripts/generate.ts into a migration, compared
 * by a test) and the diagram in docs.
 */
export type Machine<State extends string = string> = {
  readonly name: string;
  readonly table: string;
  readonly idColumn: string;
  /** Its rows have an owner_id, and its events tell it. */
  readonly owned?: true;
  /** States a row may be inserted in. */
  readonly initial: readonly State[];
  readonly moves: Readonly<Record<State, readonly State[]>>;
};

function machine<const State extends string>(declared: Machine<State>): Machine<State> {
  return declared;
}

/**
 * REQUESTED is where a withdrawal stands that another road asked for; intake reserves in the same
 * transaction, so its rows start as RESERVED, or as REJECTED when the answer is a stored no. RESETTLED is
 * left only when a declared reorg took back what was final.
 */
export const WITHDRAWAL = machine({
  name: 'withdrawal',
  table: 'withdrawal',
  idColumn: 'withdrawal_id',
  initial: ['REQUESTED', 'RESERVED', 'REJECTED'],
  moves: {
    REQUESTED: ['RESERVED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
    RESERVED: ['AWAITING_APPROVAL', 'APPROVED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
    AWAITING_APPROVAL: ['APPROVED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
    APPROVED: ['EXECUTING', 'REJECTED', 'CANCELLED', 'EXPIRED'],
    EXECUTING: ['COMPLETED', 'CANCELLED', 'EXPIRED', 'FAILED'],
    COMPLETED: ['REVERSED'],
    REVERSED: ['RESETTLED', 'FAILED'],
    RESETTLED: ['REVERSED'],
    REJECTED: [],
    CANCELLED: [],
    EXPIRED: [],
    FAILED: [],
  },
});
export type WithdrawalState = keyof typeof WITHDRAWAL.moves;

/**
 * FINAL, REVERTED, REPLACED and CANCELLED mean finalized on the chain, or (CANCELLED from CREATED) that
 * there was never a slot. A slot that can not be used is closed by its filler, so its transaction is
 * signed and included like any other and ends CANCELLED. An end changes into another only when a declared
 * reorg took the first one back and the slot is final again.
 */
export const TX = machine({
  name: 'tx',
  table: 'tx',
  idColumn: 'tx_id',
  owned: true,
  initial: ['CREATED'],
  moves: {
    CREATED: ['SLOTTED', 'CANCELLED'],
    SLOTTED: ['SIGNED'],
    SIGNED: ['BROADCASTED', 'INCLUDED', 'REPLACED'],
    BROADCASTED: ['INCLUDED', 'REPLACED'],
    INCLUDED: ['FINAL', 'REVERTED', 'REPLACED', 'CANCELLED'],
    FINAL: ['REVERTED', 'REPLACED', 'CANCELLED'],
    REVERTED: ['FINAL', 'REPLACED', 'CANCELLED'],
    REPLACED: ['FINAL', 'REVERTED', 'CANCELLED'],
    CANCELLED: ['FINAL', 'REVERTED', 'REPLACED'],
  },
});
export type TxState = keyof typeof TX.moves;

/**
 * Approvers were asked. APPROVED says that enough of them gave their signatures, not that the signer finds them
 * good: it looks for itself.
 */
export const APPROVAL = machine({
  name: 'approval',
  table: 'approval_request',
  idColumn: 'request_id',
  owned: true,
  initial: ['PENDING'],
  moves: {
    PENDING: ['APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'],
    APPROVED: [],
    REJECTED: [],
    EXPIRED: [],
    CANCELLED: [],
  },
});
export type ApprovalState = keyof typeof APPROVAL.moves;

/**
 * A payment enters at REQUESTED where we ask for it, and at AUTH_SIGNED where its merchant hands it in. RESERVED holds its
 * authorization for ever: before it nothing is signed. DUPLICATE_REQUEST is the end of a re-signed authorization, which
 * stands for the payment that it converged on and is never sent. Of SETTLED only a declared reorg takes it back.
 * REFUND_PENDING has given back nothing yet or is about to give back more; parts may go back one after the other.
 */
export const PAYMENT = machine({
  name: 'payment',
  table: 'payment',
  idColumn: 'payment_id',
  initial: ['REQUESTED', 'AUTH_SIGNED'],
  moves: {
    REQUESTED: ['CHALLENGED', 'EXPIRED'],
    CHALLENGED: ['AUTH_SIGNED', 'EXPIRED'],
    AUTH_SIGNED: ['AUTH_VERIFIED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST'],
    AUTH_VERIFIED: ['RESERVED', 'VOIDED', 'AUTH_REJECTED', 'EXPIRED'],
    RESERVED: ['BROADCASTED', 'CHAIN_FAILED', 'EXPIRED'],
    BROADCASTED: ['INCLUDED', 'CHAIN_FAILED', 'EXPIRED'],
    INCLUDED: ['FINALIZED', 'LEDGER_COMMITTED', 'CHAIN_FAILED', 'EXPIRED'],
    FINALIZED: ['LEDGER_COMMITTED'],
    LEDGER_COMMITTED: ['SETTLED'],
    SETTLED: ['REFUND_PENDING', 'REVERSED'],
    REVERSED: ['RESETTLED', 'CHAIN_FAILED', 'EXPIRED'],
    RESETTLED: ['REFUND_PENDING', 'REVERSED'],
    REFUND_PENDING: ['REFUNDED'],
    REFUNDED: ['REFUND_PENDING'],
    VOIDED: [],
    AUTH_REJECTED: [],
    DUPLICATE_REQUEST: [],
    CHAIN_FAILED: [],
    EXPIRED: [],
  },
});
export type PaymentState = keyof typeof PAYMENT.moves;

/**
 * A document on its way to rule. What loosens waits as SCHEDULED; what does not goes from PROPOSED to EFFECTIVE
 * at once. One is EFFECTIVE, and whatever follows it supersedes it.
 */
export const POLICY_CHANGE = machine({
  name: 'policy_change',
  table: 'policy_change',
  idColumn: 'change_id',
  initial: ['DRAFT'],
  moves: {
    DRAFT: ['PROPOSED', 'WITHDRAWN'],
    PROPOSED: ['SCHEDULED', 'EFFECTIVE', 'VETOED'],
    SCHEDULED: ['EFFECTIVE', 'VETOED', 'WITHDRAWN'],
    EFFECTIVE: ['SUPERSEDED'],
    SUPERSEDED: [],
    VETOED: [],
    WITHDRAWN: [],
  },
});
export type PolicyChangeState = keyof typeof POLICY_CHANGE.moves;

/**
 * A request that a payment was signed for. PAYING knows nothing of the payment's outcome; nothing is forwarded before
 * PAID. FORWARDING goes back to PAID where the same payment may try again. A call that is charged by its answer begins at
 * FORWARDING, with an authorization that is good for the most; CHARGING has the answer and its charge, and nobody was told.
 */
export const GATEWAY_CALL = machine({
  name: 'gateway_call',
  table: 'gateway_call',
  idColumn: 'call_id',
  initial: ['PAYING', 'FORWARDING'],
  moves: {
    PAYING: ['PAID', 'UNPAID'],
    PAID: ['FORWARDING'],
    FORWARDING: ['SERVED', 'PAID', 'FAILED', 'CHARGING'],
    CHARGING: ['SERVED', 'UNPAID'],
    SERVED: [],
    FAILED: [],
    UNPAID: [],
  },
});
export type GatewayCallState = keyof typeof GATEWAY_CALL.moves;

export const MACHINES: readonly Machine[] = [
  WITHDRAWAL,
  TX,
  APPROVAL,
  PAYMENT,
  POLICY_CHANGE,
  GATEWAY_CALL,
];

/** True when the machine has no way out of this state. */
export function isEnd<State extends string>(of: Machine<State>, state: State): boolean {
  return of.moves[state].length === 0;
}

export function canMove<State extends string>(of: Machine<State>, from: State, to: State): boolean {
  return of.moves[from].includes(to);
}
