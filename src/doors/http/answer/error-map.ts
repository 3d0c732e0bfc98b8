import { dbErrorKind } from '../../../base/db/index.ts';
import {
  ERRORS,
  type ErrorCode,
  type Fault,
  type Refusal,
  Transient,
  UnknownOutcome,
} from '../../../base/kernel/index.ts';

/** none: nothing happened · done: it happened · unknown: ask again with the same key. */
type Outcome = 'none' | 'done' | 'unknown';

export type Answer = {
  status: number;
  retryable: boolean;
  outcome: Outcome;
  /** Where a client or operator meets the code: an answer, a withdrawal's failure, logs and events. */
  seen: 'answer' | 'failure' | 'operations';
};

const no = (status: number): Answer => ({
  status,
  retryable: false,
  outcome: 'none',
  seen: 'answer',
});
/** An end of a withdrawal; as an answer it would be a conflict with the state it has reached. */
const ended: Answer = { status: 409, retryable: false, outcome: 'none', seen: 'failure' };
/** Never an answer's own code: the client is told `internal`. */
const halted: Answer = { status: 500, retryable: true, outcome: 'unknown', seen: 'operations' };

/** Total by type: a code without an answer does not compile. */
export const ANSWERS: Readonly<Record<ErrorCode, Answer>> = {
  invalid_json: no(400),
  invalid_request: no(400),
  unknown_field: no(400),
  idempotency_key_required: no(400),
  idempotency_key_invalid: no(400),
  invalid_amount: no(400),
  invalid_address: no(400),
  invalid_cursor: no(400),
  batch_empty: no(400),
  batch_too_large: no(400),
  unauthenticated: no(401),
  signature_required: no(401),
  signature_malformed: no(400),
  signature_incomplete: no(401),
  signature_invalid: no(401),
  signature_stale: no(401),
  signature_replayed: no(401),
  digest_mismatch: no(400),
  missing_scope: no(403),
  address_not_allowed: no(403),
  missing_role: no(403),
  tenant_required: no(400),
  cross_site_request: no(403),
  passkey_refused: no(401),
  login_not_fresh: no(403),
  invitation_ended: no(404),
  own_rights: no(403),
  second_person_required: no(409),
  last_security_admin: no(409),
  already_active: no(409),
  not_registered: no(409),
  other_passkey: no(409),
  operator_exists: no(409),
  freeze_elsewhere: no(403),
  operator_elsewhere: no(403),
  grant_too_wide: no(403),
  not_found: no(404),
  account_not_found: no(404),
  external_id_conflict: no(409),
  not_cancellable: no(409),
  not_replaceable: no(409),
  key_ended: no(409),
  lane_frozen: no(409),
  endpoint_refused: no(422),
  nothing_pending: no(409),
  payment_pending: { status: 503, retryable: true, outcome: 'unknown', seen: 'answer' },
  payment_conflict: no(409),
  idempotency_key_mismatch: no(400),
  upstream_failed: { status: 502, retryable: false, outcome: 'none', seen: 'answer' },
  answer_gone: no(410),
  not_refundable: no(409),
  not_custodial: no(409),
  refund_exceeds_payment: no(422),
  not_sweepable: no(409),
  break_not_resolvable: no(409),
  chain_not_halted: no(409),
  approval_closed: no(409),
  hold_closed: no(409),
  approval_expired: no(409),
  approver_unknown: no(403),
  approver_is_initiator: no(403),
  approval_signature_invalid: no(422),
  policy_change_refused: no(409),
  policy_faulty: no(422),
  body_too_large: no(413),
  unsupported_media_type: no(415),
  idempotency_key_conflict: no(422),
  unknown_asset: no(422),
  amount_below_minimum: no(422),
  amount_above_limit: no(422),
  insufficient_balance: no(422),
  destination_refused: no(422),
  policy_denied: no(422),
  rate_limited: { status: 429, retryable: true, outcome: 'none', seen: 'answer' },
  internal: { status: 500, retryable: true, outcome: 'unknown', seen: 'answer' },
  unavailable: { status: 503, retryable: true, outcome: 'none', seen: 'answer' },
  outcome_unknown: { status: 503, retryable: true, outcome: 'unknown', seen: 'operations' },
  expired: ended,
  approval_rejected: ended,
  hold_rejected: ended,
  hold_timed_out: ended,
  cancelled_by_client: ended,
  policy_superseded: ended,
  screening_refused: ended,
  simulation_reverted: ended,
  reverted: ended,
  filled: ended,
  signer_refused: ended,
  replaced: ended,
  state_move_refused: halted,
  effect_mismatch: halted,
  foreign_payment: halted,
  chain_halted: halted,
  endpoint_wrong_chain: halted,
  signing_frozen: halted,
  foreign_nonce: halted,
  configuration: halted,
};

/** RFC 9457, with the members of the contract. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  retryable: boolean;
  outcome: Outcome;
  correlationId: string;
  errors?: Fault[];
  [member: string]: unknown;
};

type Told = {
  code: ErrorCode;
  detail: string;
  faults?: Fault[] | undefined;
  members?: Record<string, string> | undefined;
  /** Where the protocol wants another status for the code (405). */
  status?: number;
  outcome?: Outcome;
};

export function problem(told: Told, correlationId: string): Problem {
  const answer = ANSWERS[told.code];
  return {
    ...told.members,
    type: `/docs/errors#${told.code}`,
    title: ERRORS[told.code].title,
    status: told.status ?? answer.status,
    detail: told.detail,
    code: told.code,
    retryable: answer.retryable,
    outcome: told.outcome ?? answer.outcome,
    correlationId,
    ...(told.faults !== undefined && told.faults.length > 0 && { errors: told.faults }),
  };
}

export function problemOfRefusal(refusal: Refusal, correlationId: string): Problem {
  return problem(refusal, correlationId);
}

/**
 * Whatever was thrown, as a problem. `ours` says that it is nothing the client did, so it is logged;
 * its message stays here, since it may name hosts, statements or keys.
 */
export function problemOfThrown(
  thrown: unknown,
  correlationId: string,
  bodyLimitBytes: number,
): { problem: Problem; ours: boolean } {
  if (thrown instanceof UnknownOutcome) {
    const detail =
      'The request was under way when its answer was lost; whether it took effect is not known yet. Send it again with the same key.';
    return {
      problem: problem({ code: 'unavailable', detail, outcome: 'unknown' }, correlationId),
      ours: true,
    };
  }
  // Behind a COMMIT a lost connection is an UnknownOutcome; elsewhere it is a read that gave nothing.
  if (thrown instanceof Transient || dbErrorKind(thrown) === 'lost') {
    const detail =
      'Something that the request needs can not be reached. Nothing happened; send it again with the same key.';
    return { problem: problem({ code: 'unavailable', detail }, correlationId), ours: true };
  }
  const told = toldByFastify(thrown, bodyLimitBytes);
  if (told !== null) return { problem: problem(told, correlationId), ours: false };
  const detail =
    'The request met a fault of ours; whether it took effect is not known. Ask again with the same key, and report the correlation id.';
  return { problem: problem({ code: 'internal', detail }, correlationId), ours: true };
}

/** What the framework refuses before a handler runs; null when it is no fault of the client. */
function toldByFastify(thrown: unknown, bodyLimitBytes: number): Told | null {
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return { code: 'invalid_json', detail: 'The body can not be read as JSON in UTF-8.' };
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return {
        code: 'body_too_large',
        detail: `The body is larger than ${bodyLimitBytes} bytes, the most that is taken.`,
      };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        code: 'unsupported_media_type',
        detail: 'The body came without Content-Type: application/json.',
      };
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return {
        code: 'invalid_request',
        detail: 'The body has another length than its Content-Length header says.',
      };
    case 'FST_ERR_BAD_URL':
      return {
        code: 'invalid_request',
        detail: 'The path has a percent-encoding that is no UTF-8.',
      };
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_NOT_FOUND':
      return { code: 'not_found', detail: 'There is nothing at this path.' };
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { code: 'invalid_request', detail: 'The request could not be read to its end.' };
  }
  return null;
}
