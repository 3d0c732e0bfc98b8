export type Said = Readonly<Record<string, unknown>>;

/** What came of one question; silence: whether it arrived nobody knows. */
export type Heard =
  | { kind: 'answer'; status: number; body: Said | null }
  | { kind: 'silence'; cause: string };

type Judged =
  | { kind: 'verdict'; body: Said }
  /** Asked again it may be known. */
  | { kind: 'unknown'; why: string }
  /** Asked again it is the same. */
  | { kind: 'refused'; why: string };

/**
 * Whether an answer decides about a payment. A no is one only in the facilitator's own words: what a proxy says, an
 * outage and a payment under way are none. Pure.
 */
export function judgeAnswer(heard: Heard, member: 'isValid' | 'success'): Judged {
  if (heard.kind === 'silence') return { kind: 'unknown', why: heard.cause };
  const { status, body } = heard;
  const yes = body?.[member];
  const reason = body?.[member === 'isValid' ? 'invalidReason' : 'errorReason'];
  const decided = reason !== 'settlement_pending' && !String(reason).startsWith('unexpected_');
  if (body !== null && typeof yes === 'boolean' && (yes || decided)) {
    return { kind: 'verdict', body };
  }
  const why = `HTTP ${status}${typeof reason === 'string' ? ` ${reason}` : ''}${detailOf(body)}`;
  const again = status < 300 || status >= 500 || status === 408 || status === 429;
  return again || typeof yes === 'boolean' ? { kind: 'unknown', why } : { kind: 'refused', why };
}

/** Of a problem document. */
function detailOf(body: Said | null): string {
  const parts = [body?.['code'], body?.['detail']].filter((part) => typeof part === 'string');
  return parts.length === 0 ? '' : `: ${parts.join(': ').slice(0, 500)}`;
}

const LEVELS: readonly unknown[] = ['none', 'included', 'safe', 'finalized'];
const MOVING: readonly unknown[] = ['RESERVED', 'BROADCASTED', 'INCLUDED'];

/** Whether a payment, as the facilitator shows it, has no outcome at its level yet. Pure. */
export function isUnderWay(payment: Said): boolean {
  const { level } = (payment['confirmation'] ?? {}) as Said;
  return (
    MOVING.includes(payment['status']) &&
    LEVELS.indexOf(level) < LEVELS.indexOf(payment['waitUntil'])
  );
}
