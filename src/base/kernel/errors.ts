/**
 * Four kinds of error. A *refusal* is a business no: returned as a value, nothing happened.
 * *Transient* is thrown and the runner retries. *Invariant* is thrown when a law of ours is broken:
 * the item is parked and a person told, never retried. *UnknownOutcome* is thrown when something may
 * have happened: only observation resolves it.
 */
type Entry = {
  kind: 'refusal' | 'transient' | 'invariant' | 'unknown';
  title: string;
  help: string;
};

/** Every stable code. docs/errors.md is generated from this table. */
export const ERRORS = {
  invalid_json: {
    kind: 'refusal',
    title: 'The body is not valid JSON',
    help: 'Send one JSON object in UTF-8.',
  },
  invalid_request: {
    kind: 'refusal',
    title: 'The request does not fit its schema',
    help: 'Mend what errors[] lists: pointer, what came, what was expected.',
  },
  unknown_field: {
    kind: 'refusal',
    title: 'The request has a field that does not exist here',
    help: 'Remove it or mend its spelling; errors[] names it.',
  },
  idempotency_key_required: {
    kind: 'refusal',
    title: 'The Idempotency-Key header is missing',
    help: 'Send one key per payment and send the same key when you retry.',
  },
  idempotency_key_invalid: {
    kind: 'refusal',
    title: 'The idempotency key is not usable',
    help: 'Use 1 to 255 visible ASCII characters.',
  },
  invalid_amount: {
    kind: 'refusal',
    title: 'The amount is not usable',
    help: "Send a positive decimal string in the asset's unit, with no more decimals than the asset has.",
  },
  invalid_address: {
    kind: 'refusal',
    title: 'The address is not usable',
    help: 'Send 0x and 40 hex digits; a mixed-case address must carry its EIP-55 checksum.',
  },
  invalid_cursor: {
    kind: 'refusal',
    title: 'The cursor is not one of this list',
    help: 'Use the cursor of an earlier answer of the same list, unchanged.',
  },
  batch_empty: {
    kind: 'refusal',
    title: 'The batch is empty',
    help: 'Send 1 to 1,000 withdrawals.',
  },
  batch_too_large: {
    kind: 'refusal',
    title: 'The batch is too large',
    help: 'Send at most 1,000 withdrawals a batch.',
  },
  unauthenticated: {
    kind: 'refusal',
    title: 'The API key or the session is missing or not valid',
    help: 'Send Authorization: Bearer with a key that is neither revoked nor expired; operators log in at /console/access.',
  },
  missing_scope: {
    kind: 'refusal',
    title: 'The API key lacks the scope',
    help: 'Use a key that has the scope named in detail.',
  },
  missing_role: {
    kind: 'refusal',
    title: 'The operator lacks the role',
    help: 'Ask an operator with one of the roles in `roles`, or a security-admin for the role.',
  },
  tenant_required: {
    kind: 'refusal',
    title: 'The request does not say which tenant it is about',
    help: 'Send Payonce-Tenant with the name or id of one of your tenants.',
  },
  cross_site_request: {
    kind: 'refusal',
    title: 'The change did not come from our own pages',
    help: 'Open the console at http.publicUrl; programs use an API key.',
  },
  passkey_refused: {
    kind: 'refusal',
    title: 'The passkey is not accepted',
    help: 'Begin anew. A passkey that is refused again belongs to nobody here, was removed, was copied, or its operator is suspended; a security-admin can invite again.',
  },
  login_not_fresh: {
    kind: 'refusal',
    title: 'The login is too long ago for this',
    help: 'Log in again, then repeat it within 5 minutes.',
  },
  invitation_ended: {
    kind: 'refusal',
    title: 'The invitation opens nothing',
    help: 'It was used, replaced by another, is too old, or its sender is no security-admin any more; ask for another one.',
  },
  own_rights: {
    kind: 'refusal',
    title: 'Nobody changes their own rights',
    help: 'Another security-admin does it, or the owner at the command line.',
  },
  second_person_required: {
    kind: 'refusal',
    title: 'A second person has to say this',
    help: 'Another person, whose rights stand, confirms what the first one proposed. Rights of an operator may be activated by the owner too: payonce operators activate.',
  },
  last_security_admin: {
    kind: 'refusal',
    title: 'The tenant would have no security-admin',
    help: 'Invite and activate another security-admin first.',
  },
  already_active: {
    kind: 'refusal',
    title: 'The operator is active already',
    help: 'Nothing is left to do.',
  },
  not_registered: {
    kind: 'refusal',
    title: 'The operator has no passkey yet',
    help: 'Wait until the invitation was accepted, then compare the fingerprint and activate.',
  },
  other_passkey: {
    kind: 'refusal',
    title: 'The operator has another passkey than the one that was compared',
    help: 'Send the fingerprint that the person told you. Where GET /v1/operators/{id} shows others, their passkey was replaced: ask them, and who invited them again.',
  },
  operator_exists: {
    kind: 'refusal',
    title: 'The operator is in the tenant already',
    help: 'Change the roles, or invite again.',
  },
  freeze_elsewhere: {
    kind: 'refusal',
    title: 'Another tenant placed the freeze',
    help: 'Two persons of the tenant that placed it lift it; where it has none any more, the owner makes keys for two: payonce key create.',
  },
  operator_elsewhere: {
    kind: 'refusal',
    title: 'The operator belongs to other tenants too',
    help: 'Somebody who is a security-admin in all of them invites again, or the owner by payonce operators invite.',
  },
  signature_required: {
    kind: 'refusal',
    title: 'The request must be signed',
    help: 'Sign it as docs/api-keys.md shows (RFC 9421, Ed25519), with the key registered for this API key.',
  },
  signature_malformed: {
    kind: 'refusal',
    title: 'The signature can not be read',
    help: 'Mend Signature-Input or Signature as detail says.',
  },
  signature_incomplete: {
    kind: 'refusal',
    title: 'The signature does not cover what it must',
    help: 'Cover @method, @target-uri (or @path and @query), and content-digest and idempotency-key where they are; give created, nonce, keyid and alg.',
  },
  signature_invalid: {
    kind: 'refusal',
    title: "The signature is not the key's over this request",
    help: 'Compare what was signed with what was sent; behind a proxy cover @path and @query, and see http.trustedProxies.',
  },
  signature_stale: {
    kind: 'refusal',
    title: 'The signature is too old, or from the future',
    help: 'Sign anew for every request, also for a retry; created may be 5 minutes off.',
  },
  signature_replayed: {
    kind: 'refusal',
    title: 'The nonce of the signature was used before',
    help: 'Sign anew with another nonce; the idempotency key stays the same.',
  },
  digest_mismatch: {
    kind: 'refusal',
    title: 'The body is not that of Content-Digest',
    help: 'Send Content-Digest: sha-256=:…: over the bytes of the body as they are sent.',
  },
  address_not_allowed: {
    kind: 'refusal',
    title: 'The API key may not be used from this address',
    help: "Send from one of the networks of the key's allow-list; behind a proxy, see http.trustedProxies.",
  },
  grant_too_wide: {
    kind: 'refusal',
    title: 'A key can not hand on more than it has',
    help: 'errors[] names what goes beyond the key that asks; ask for less, or use `payonce key`.',
  },
  not_found: {
    kind: 'refusal',
    title: 'There is no such thing here',
    help: "Check the id and the key's tenant.",
  },
  account_not_found: {
    kind: 'refusal',
    title: 'There is no such account',
    help: 'The first deposit creates an account. Nothing is stored for the idempotency key.',
  },
  external_id_conflict: {
    kind: 'refusal',
    title: 'The external id belongs to another resource',
    help: 'An externalId or reference is used once for ever per tenant; read the resource that has it.',
  },
  not_cancellable: {
    kind: 'refusal',
    title: 'The withdrawal can no longer be cancelled',
    help: 'A block holds its payment, or it has ended; follow its status.',
  },
  not_replaceable: {
    kind: 'refusal',
    title: 'The withdrawal can not be sped up',
    help: 'reason says why: not_sent, mined, cancelling, ended, at_cap, cap_below_base_fee, above_cap, too_low, below_base_fee or chain_halted. Nothing is stored for the key.',
  },
  key_ended: {
    kind: 'refusal',
    title: 'The API key is revoked or expired',
    help: 'It does not come back; make a new key.',
  },
  lane_frozen: {
    kind: 'refusal',
    title: 'The lane waits for its adoption',
    help: 'Chain and books do not agree about the wallet; `payonce lanes adopt` shows what is so and opens it.',
  },
  endpoint_refused: {
    kind: 'refusal',
    title: 'The price could never be paid',
    help: 'Let the merchant have the asset, the amount and the payee first, or choose another onFailure; detail says which.',
  },
  nothing_pending: {
    kind: 'refusal',
    title: 'Nothing waits that could be stopped',
    help: 'Read the endpoint: `pending` says what waits. What is in force is changed by another price, or taken away.',
  },
  payment_pending: {
    kind: 'refusal',
    title: 'The payment or the answer to it is under way',
    help: 'Send the same request with the same payment again: it is not charged twice.',
  },
  payment_conflict: {
    kind: 'refusal',
    title: 'The payment belongs to another request',
    help: 'Ask without a payment for a challenge of this request, and sign for that.',
  },
  idempotency_key_mismatch: {
    kind: 'refusal',
    title: 'Two names for one payment',
    help: 'Send the payment-identifier, or the Idempotency-Key, or the same in both.',
  },
  upstream_failed: {
    kind: 'refusal',
    title: 'The API behind the gateway did not answer',
    help: 'onFailure says what becomes of the payment: refund (it goes back when it is final), retry (ask again with the same payment) or keep.',
  },
  answer_gone: {
    kind: 'refusal',
    title: 'The answer is not kept any more',
    help: 'The payment was served; x402.keepAnswersDays says for how long its answer could be had again. Ask without a payment for a new challenge.',
  },
  not_refundable: {
    kind: 'refusal',
    title: 'The payment can not be refunded now',
    help: 'reason says why: not_settled (nothing was paid), or not_final (a reorg may take it back: ask again when its confirmation is finalized). Nothing is stored for the key.',
  },
  not_custodial: {
    kind: 'refusal',
    title: 'The payment went to a wallet that is not ours',
    help: "Refunds are paid from the merchant's account, merchant:<name>: deposit to it first, or let the merchant pay its payer itself.",
  },
  refund_exceeds_payment: {
    kind: 'refusal',
    title: 'A refund gives back more than was paid',
    help: 'refundable is what has neither gone back nor is on its way; leave amount out to give back all of it.',
  },
  not_sweepable: {
    kind: 'refusal',
    title: 'The wallet can not be swept',
    help: 'reason says why: treasury_wallet (sweeps go to it), no_treasury (no treasury wallet of its tenant and chain is configured and open) or paused.',
  },
  break_not_resolvable: {
    kind: 'refusal',
    title: 'The break can not be resolved like this',
    help: 'See detail and read the break again; nothing was changed.',
  },
  policy_faulty: {
    kind: 'refusal',
    title: 'The policy document has faults',
    help: 'errors[] names each with its line, column and rule; `payonce policy check` does the same. Nothing was stored.',
  },
  policy_change_refused: {
    kind: 'refusal',
    title: 'The change of the policy can not take this step',
    help: 'See detail and read the change again; nothing was changed.',
  },
  chain_not_halted: {
    kind: 'refusal',
    title: 'The chain is not halted',
    help: 'There is nothing to resume; read the chains.',
  },
  approval_closed: {
    kind: 'refusal',
    title: 'Nobody is asked to approve this any more',
    help: 'It was approved, rejected or cancelled; read the withdrawal, or the payment.',
  },
  approval_expired: {
    kind: 'refusal',
    title: 'The time for approvals is over',
    help: 'The withdrawal ends unpaid and its reserve is released; make a new request with a new key. An x402 payment is not made; its payer may sign anew.',
  },
  approver_unknown: {
    kind: 'refusal',
    title: 'There is no such approver',
    help: 'Use the id of one of signer.approvers; who was taken out of the configuration approves nothing.',
  },
  approver_is_initiator: {
    kind: 'refusal',
    title: 'Who asked for a payment can not approve it',
    help: 'Another member of the group has to approve.',
  },
  approval_signature_invalid: {
    kind: 'refusal',
    title: "The approval is not the approver's signature over this payment",
    help: 'Sign the digest that `payonce approve` computes from the content, with the key of the configuration; see detail.',
  },
  body_too_large: {
    kind: 'refusal',
    title: 'The body is too large',
    help: 'Send less; the limit is in detail.',
  },
  unsupported_media_type: {
    kind: 'refusal',
    title: 'The content type is not supported',
    help: 'Send Content-Type: application/json.',
  },
  idempotency_key_conflict: {
    kind: 'refusal',
    title: 'The idempotency key was used with other content',
    help: 'Repeat the first content, or use a new key for a new payment. Nothing was changed.',
  },
  unknown_asset: {
    kind: 'refusal',
    title: 'The asset is not configured',
    help: 'Use a configured asset id or its CAIP-19 id.',
  },
  amount_below_minimum: {
    kind: 'refusal',
    title: "The amount is below the asset's minimum",
    help: 'Send at least the minimum named in detail.',
  },
  amount_above_limit: {
    kind: 'refusal',
    title: 'No tier allows this amount',
    help: 'Send less, or let the operator configure a tier that covers it. The answer is stored for the key.',
  },
  insufficient_balance: {
    kind: 'refusal',
    title: "The account's available balance does not cover amount and fee",
    help: 'Deposit first and use a new key; the answer is stored for the key.',
  },
  destination_refused: {
    kind: 'refusal',
    title: 'The destination is not allowed',
    help: 'See reason: zero, token or own_wallet addresses can not receive withdrawals.',
  },
  policy_denied: {
    kind: 'refusal',
    title: 'Policy does not allow this',
    help: "See the decision's trace. The answer is stored for the key, or for the x402 payment.",
  },
  rate_limited: {
    kind: 'refusal',
    title: 'Too many requests',
    help: 'Wait for Retry-After and send the same key again.',
  },
  internal: {
    kind: 'invariant',
    title: 'Something broke on our side',
    help: 'The outcome is unknown: ask again with the same key, and report the correlation id.',
  },
  unavailable: {
    kind: 'transient',
    title: 'The service can not answer now',
    help: 'Send the same request with the same key again.',
  },
  outcome_unknown: {
    kind: 'unknown',
    title: 'The outcome is not known yet',
    help: 'Ask again with the same key; it gives the truth.',
  },
  // Why a withdrawal ended without payment (withdrawal.failure.code).
  expired: {
    kind: 'refusal',
    title: 'The withdrawal expired before it was signed',
    help: 'The reserve was released; make a new request with a new key.',
  },
  hold_closed: {
    kind: 'refusal',
    title: 'The hold was answered otherwise, or its time is over',
    help: 'A hold is answered once; read the withdrawal.',
  },
  hold_rejected: {
    kind: 'refusal',
    title: 'A hold was rejected',
    help: 'The reserve was released; the message names the gate and who rejected it.',
  },
  hold_timed_out: {
    kind: 'refusal',
    title: 'Nobody cleared a hold in time',
    help: 'The reserve was released; make a new request with a new key.',
  },
  approval_rejected: {
    kind: 'refusal',
    title: 'An approver rejected it',
    help: 'The reserve was released, and the message says who rejected it and why. Of an x402 payment nothing was reserved.',
  },
  cancelled_by_client: {
    kind: 'refusal',
    title: 'The withdrawal was cancelled',
    help: 'The reserve was released.',
  },
  policy_superseded: {
    kind: 'refusal',
    title: 'The policy was tightened before it was signed',
    help: 'It was decided by an older policy, and can not be asked about again; the reserve was released. Make a new request with a new key.',
  },
  screening_refused: {
    kind: 'refusal',
    title: 'The destination was screened again and is a higher risk',
    help: 'It was found before a nonce was given; the reserve was released. The message says what was found.',
  },
  simulation_reverted: {
    kind: 'refusal',
    title: 'The transfer would revert',
    help: 'The chain refused it in simulation before a nonce was given; the reserve was released.',
  },
  reverted: {
    kind: 'refusal',
    title: 'The transaction reverted',
    help: 'It is final on the chain without effect; the reserve was released.',
  },
  filled: {
    kind: 'refusal',
    title: 'The nonce was closed without paying',
    help: 'A zero-value self-transfer is final in its place; the reserve was released.',
  },
  signer_refused: {
    kind: 'refusal',
    title: 'The signer refused to sign',
    help: 'Nothing was paid and the reserve released; see the message. A nonce that it had was closed.',
  },
  replaced: {
    kind: 'refusal',
    title: 'Another transaction used its nonce',
    help: 'That one is final and did not pay; the reserve was released. The wallet is in use elsewhere, and its lane is frozen.',
  },
  // Invariants and halts, as codes of logs and events.
  state_move_refused: {
    kind: 'invariant',
    title: 'A row was not in the state that the step expected',
    help: 'Report it with its ids.',
  },
  effect_mismatch: {
    kind: 'invariant',
    title: 'A mined transaction does not show the intended effect',
    help: 'The reserve stays; an operator decides with evidence.',
  },
  foreign_payment: {
    kind: 'invariant',
    title: 'A transaction that is not ours used a nonce and seems to have paid its withdrawal',
    help: 'The reserve stays until two persons have decided with evidence: `payonce breaks`.',
  },
  chain_halted: {
    kind: 'invariant',
    title: 'A chain is halted',
    help: 'Nothing is signed or completed on it until an operator has looked; see the reason.',
  },
  endpoint_wrong_chain: {
    kind: 'invariant',
    title: 'An RPC endpoint is on another chain',
    help: 'It is asked nothing and sent nothing until it answers with the configured chain id; mend its URL.',
  },
  signing_frozen: {
    kind: 'invariant',
    title: "The signer's journal, the main database and the witness disagree",
    help: 'One of them was put back to an older copy. Nothing is signed until the newest copy is back; see the reason.',
  },
  foreign_nonce: {
    kind: 'invariant',
    title: 'A nonce of a lane was used by a transaction that is not ours',
    help: 'The lane is frozen: its key may be in use elsewhere. `payonce lanes adopt` shows what it did.',
  },
  configuration: {
    kind: 'refusal',
    title: 'The configuration is not usable',
    help: 'Mend the keys that are named.',
  },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof ERRORS;
export type RefusalCode = {
  [Code in ErrorCode]: (typeof ERRORS)[Code]['kind'] extends 'refusal' ? Code : never;
}[ErrorCode];

/** One fault of a body: RFC 6901 pointer, code, what came and what was expected. */
export type Fault = { pointer: string; code: RefusalCode; got: string; expected: string };

/** A business no. `members` are extra members of the problem document (available, required, reason). */
export type Refusal = {
  readonly refused: true;
  code: RefusalCode;
  detail: string;
  faults?: Fault[];
  members?: Record<string, string>;
};

export function refuse(
  code: RefusalCode,
  detail: string,
  more: { faults?: Fault[]; members?: Record<string, string> } = {},
): Refusal {
  return { refused: true, code, detail, ...more };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as Refusal).refused === true;
}

/** Nothing happened, or what happened is harmless to repeat: try again. */
export class Transient extends Error {
  override readonly name = 'Transient';
}

/** A law of ours is broken. Never retried. */
export class Invariant extends Error {
  override readonly name = 'Invariant';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** It may have happened. Only observation tells; never treat it as failure. */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}

/** A refusal at the command line or at a start: one line on stderr, exit code 2. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export function invariant(condition: boolean, code: ErrorCode, message: string): asserts condition {
  if (!condition) throw new Invariant(code, message);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
