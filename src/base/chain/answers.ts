import type { Hex } from '../kernel/index.ts';
import { type FailureKind, isRateLimit } from './failure.ts';
import type { SendAnswer } from './port.ts';
import { classifySendError } from './send-errors.ts';

/**
 * One call's fate. `error` is the node's own answer; `lost` says that none came for this call, so that
 * it may or may not have been carried out.
 */
export type RpcOutcome =
  | { kind: 'result'; result: unknown }
  | { kind: 'error'; code: number; message: string }
  | { kind: 'lost'; failure: FailureKind; message: string };

/** The parsed body when it has the form of JSON-RPC answers, one or many; null for anything else. */
export function answersOf(text: string): unknown[] | object | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}

/** One outcome per id from firstId on. Answers come in any order, and some nodes leave some out. */
export function matchAnswers(
  answers: readonly unknown[],
  asked: { count: number; firstId: number; host: string },
): RpcOutcome[] {
  const { count, firstId, host } = asked;
  const lost = (message: string): RpcOutcome => ({ kind: 'lost', failure: 'malformed', message });
  const outcomes = Array.from({ length: count }, () => lost(`${host} left the call unanswered`));
  const seen = new Set<number>();
  for (const answer of answers) {
    const id = (answer as { id?: unknown } | null)?.id;
    if (typeof id !== 'number' || outcomes[id - firstId] === undefined) continue;
    // Two answers to one call: neither can be believed.
    outcomes[id - firstId] = seen.has(id)
      ? lost(`${host} answered one call twice`)
      : (errorOf(answer as object) ?? resultOf(answer as object, lost));
    seen.add(id);
  }
  return outcomes;
}

function resultOf(answer: object, lost: (message: string) => RpcOutcome): RpcOutcome {
  const { result } = answer as { result?: unknown };
  return result === undefined
    ? lost('an answer without result and error')
    : { kind: 'result', result };
}

/** The error of an answer, or null when it has none. */
export function errorOf(answer: object): (RpcOutcome & { kind: 'error' }) | null {
  const { error } = answer as { error?: unknown };
  if (error === undefined || error === null) return null;
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  // Some clients put the telling words into data and "Server error" into message.
  const words = [message, data].filter((part) => typeof part === 'string' && part !== '');
  return {
    kind: 'error',
    code: typeof code === 'number' ? code : 0,
    message: words.length > 0 ? words.join(': ') : JSON.stringify(error),
  };
}

/** What is known after a node's answer to the bytes of this hash. */
export function sendAnswer(hash: Hex, outcome: RpcOutcome): SendAnswer {
  const unknown = (message: string, failure?: FailureKind): SendAnswer => ({
    hash,
    class: 'unknown',
    message,
    ...(failure === undefined ? {} : { failure }),
  });
  if (outcome.kind === 'lost') return unknown(outcome.message, outcome.failure);
  if (outcome.kind === 'error') {
    const { code, message } = outcome;
    const classified = classifySendError(message, hash);
    if (classified !== 'unknown') return { hash, class: classified, message };
    return unknown(message, isRateLimit(code, message) ? 'rate_limited' : undefined);
  }
  const { result } = outcome;
  if (typeof result === 'string' && result.toLowerCase() === hash) {
    return { hash, class: 'accepted', message: null };
  }
  // A loaded node has been seen to answer with the hash of another transaction.
  return unknown(`the node answered with ${String(result).slice(0, 80)}`, 'malformed');
}
