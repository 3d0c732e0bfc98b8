import { Transient } from '../kernel/index.ts';

/**
 * Why an endpoint gave no usable answer. Its own fault: timeout · unreachable · rate_limited · server_error ·
 * unauthorized · malformed (HTML, cut, huge, out of form, another hash than the one computed) · node_error (an
 * error of its own to a question that has an answer).
 * Nobody's fault: behind (it lacks that block or its state) · reverted (the contract's word, the same
 * everywhere) · own_limit (the limits that were configured for it).
 */
export type FailureKind =
  | 'timeout'
  | 'unreachable'
  | 'rate_limited'
  | 'server_error'
  | 'unauthorized'
  | 'malformed'
  | 'node_error'
  | 'behind'
  | 'reverted'
  | 'own_limit';

export class EndpointFailure extends Transient {
  readonly kind: FailureKind;
  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Whether a failure says something about the endpoint's health. */
export function isOwnFault(kind: FailureKind): boolean {
  return kind !== 'behind' && kind !== 'reverted' && kind !== 'own_limit';
}

/** An HTTP status without JSON-RPC in its body, or one that a proxy gives in the node's place. */
export function failureOfStatus(status: number): FailureKind {
  if (status === 429) return 'rate_limited';
  if (status === 401 || status === 402 || status === 403) return 'unauthorized';
  return status >= 500 || status === 408 || status === 425 ? 'server_error' : 'malformed';
}

const RATE_LIMITED =
  /rate.?limit|too many requests|limit exceeded|exceeded.*(quota|capacity|throughput|limit)|compute units/i;
/** Said with the same codes as a rate limit, of one question that is too large. */
const TOO_LARGE =
  /more than \d+ (results|logs|blocks)|block range|response size|query returned|batch/i;
const UNAUTHORIZED = /unauthorized|invalid (api )?key|invalid project|project id|forbidden/i;
const BEHIND =
  /header not found|block not found|unknown block|block .*(not available|out of range)|outofrange|missing trie node|beyond (current )?head|state .*(not|un)available|historical state|pruned/i;

/** What a node's error to a read means; code 3 is the execution API's "execution reverted". */
export function failureOfError(code: number, message: string): FailureKind {
  if (code === 3 || /revert/i.test(message)) return 'reverted';
  if (BEHIND.test(message)) return 'behind';
  if (isRateLimit(code, message)) return 'rate_limited';
  return UNAUTHORIZED.test(message) ? 'unauthorized' : 'node_error';
}

/** -32005 is "limit exceeded" by EIP-1474. */
export function isRateLimit(code: number, message: string): boolean {
  if (TOO_LARGE.test(message)) return false;
  return code === 429 || code === -32005 || RATE_LIMITED.test(message);
}

/** Whether one answer for a whole batch refuses it for being one, or for its size: smaller ones may pass. */
export function refusesBatch(status: number, code: number, message: string): boolean {
  if (status === 413) return true;
  const kind = failureOfError(code, message);
  if (kind === 'rate_limited' || kind === 'unauthorized') return false;
  // "Invalid request" and "parse error": what a node says that knows no lists.
  return code === -32600 || code === -32700 || refusesCallOfBatch(code, message);
}

/** Some nodes answer as many calls of a batch as they allow, and the others with this. */
export function refusesCallOfBatch(code: number, message: string): boolean {
  // A contract chooses the words of its revert.
  if (failureOfError(code, message) === 'reverted') return false;
  return /batch|array/i.test(message) && BATCH_REFUSED.test(message);
}

const BATCH_REFUSED =
  /size|limit|large|many|exceed|support|allow|disabled|not enabled|refuse|paid|upgrade/i;
