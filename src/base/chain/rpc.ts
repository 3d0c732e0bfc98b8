import { type Clock, printable, systemClock } from '../kernel/index.ts';
import { answersOf, errorOf, matchAnswers, type RpcOutcome } from './answers.ts';
import {
  EndpointFailure,
  type FailureKind,
  failureOfStatus,
  isRateLimit,
  refusesBatch,
  refusesCallOfBatch,
} from './failure.ts';
import { HttpPost, parseRpcUrl } from './http.ts';

export type RpcCall = { method: string; params: readonly unknown[] };
/** For one HTTP exchange by what it asks, connecting and reading the whole body included. */
type Timeouts = { read: number; send: number; logs: number };

export type RpcOptions = {
  url: string;
  /** Of all kinds, or by kind. */
  timeoutMs?: number | Partial<Timeouts>;
  maxResponseBytes?: number;
  /** Calls in one request. A node that refuses as many is asked for fewer from then on. */
  maxBatch?: number;
  /** Waited for before each request, with its number of calls; what comes back is called when it has ended. */
  enter?(calls: number): Promise<() => void>;
  /** Told of each request that was answered. */
  answered?(ms: number): void;
  clock?: Clock;
};

/** Public nodes refuse larger batches; on a local node larger ones were not faster. */
const MAX_BATCH = 100;
/**
 * Until as many calls as ever are tried again, doubling while that is refused: a node that refused once may have been
 * at its limit for a moment. To stay at few calls is what lets a walk fall behind for good, once it needs many.
 */
const GROW_MS = { first: 1_000, cap: 60_000 };
/** What is over with the next request, mostly; reads only, since a send that may have been taken is no failed one. */
const PASSING: ReadonlySet<FailureKind> = new Set(['unreachable', 'server_error', 'malformed']);
const AGAIN_MS = 100;
const MAX_MESSAGE = 500;
const TIMEOUT_MS = 10_000;

/** Answers that a proxy or an overloaded node gives in the place of the node's own words. */
const NOT_THE_NODE = new Set([408, 425, 429, 502, 503, 504]);

/** A JSON-RPC 2.0 client over HTTP for one endpoint. Its messages name the host, never the URL. */
export class RpcClient {
  readonly host: string;
  readonly #http: HttpPost;
  readonly #secrets: readonly string[];
  readonly #timeouts: Timeouts;
  readonly #options: RpcOptions;
  readonly #clock: Clock;
  readonly #most: number;
  /** What the node takes, as far as is known; as much as ever is tried from `#growAt` on. */
  #maxBatch: number;
  #growAt = Number.POSITIVE_INFINITY;
  #growMs = GROW_MS.first;
  #grownAt = Number.NEGATIVE_INFINITY;
  #lastId = 0;

  constructor(options: RpcOptions) {
    const url = parseRpcUrl(options.url);
    this.host = url.host;
    this.#http = new HttpPost(url, options.maxResponseBytes ?? 64 * 1024 * 1024);
    this.#secrets = secretsOf(url, options.url);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#most = options.maxBatch ?? MAX_BATCH;
    this.#maxBatch = this.#most;
    const { timeoutMs = TIMEOUT_MS } = options;
    const all = typeof timeoutMs === 'number' ? timeoutMs : TIMEOUT_MS;
    this.#timeouts = {
      ...{ read: all, send: all, logs: all },
      ...(typeof timeoutMs === 'number' ? {} : timeoutMs),
    };
  }

  /**
   * Calls in order, in requests of what the node takes, one after the other; one outcome per call. After a
   * request whose answer was lost the rest is not sent and is `lost` too: it would most likely meet
   * the same time-out, and for sends a later nonce without an earlier one helps nobody. What was refused as
   * part of a batch is asked again in smaller ones, alone in the end; to send the same bytes twice is harmless.
   */
  async batch(calls: readonly RpcCall[]): Promise<RpcOutcome[]> {
    const outcomes: RpcOutcome[] = [];
    while (outcomes.length < calls.length) {
      this.#grow();
      const part = calls.slice(outcomes.length, outcomes.length + this.#maxBatch);
      try {
        const answered = withoutRefused(await this.#exchangeTwice(part));
        if (answered.length < part.length) this.#shrink(part.length, answered.length);
        outcomes.push(...answered);
      } catch (error) {
        if (!(error instanceof EndpointFailure)) throw error;
        const lost: RpcOutcome = { kind: 'lost', failure: error.kind, message: error.message };
        while (outcomes.length < calls.length) outcomes.push(lost);
      }
    }
    return outcomes;
  }

  /** Of so many calls that many were answered before the first was refused. */
  #shrink(size: number, answered: number): void {
    const now = this.#clock.monotonic();
    const wasWell = this.#maxBatch === this.#most && now - this.#grownAt > this.#growMs;
    if (wasWell) this.#growMs = GROW_MS.first;
    const fits = answered > 0 ? answered : Math.floor(size / 2);
    // Another request may have learned more meanwhile.
    this.#maxBatch = Math.max(1, Math.min(this.#maxBatch, fits));
    this.#growAt = now + this.#growMs;
  }

  #grow(): void {
    const now = this.#clock.monotonic();
    if (now < this.#growAt) return;
    this.#maxBatch = this.#most;
    this.#growAt = Number.POSITIVE_INFINITY;
    this.#grownAt = now;
    this.#growMs = Math.min(2 * this.#growMs, GROW_MS.cap);
  }

  /** A question of many requests would else hardly ever be answered by a node that fails one in ten of them. */
  async #exchangeTwice(calls: readonly RpcCall[]): Promise<RpcOutcome[]> {
    try {
      return await this.#exchange(calls);
    } catch (error) {
      const passing = error instanceof EndpointFailure && PASSING.has(error.kind);
      if (!passing || kindOf(calls) === 'send') throw error;
      await this.#clock.sleep(AGAIN_MS * Math.random());
      return this.#exchange(calls);
    }
  }

  /** One request; no outcome at all for a batch that was refused as such. */
  async #exchange(calls: readonly RpcCall[]): Promise<RpcOutcome[]> {
    const firstId = this.#lastId + 1;
    this.#lastId += calls.length;
    const { status, text } = await this.#post(calls, firstId);
    const parsed = NOT_THE_NODE.has(status) ? null : answersOf(text);
    if (Array.isArray(parsed)) return this.#matched(parsed, calls.length, firstId);
    const whole = parsed === null ? null : errorOf(parsed);
    if (whole !== null) whole.message = this.#clean(whole.message);
    const { code = 0, message = '' } = whole ?? {};
    if (calls.length > 1 && refusesBatch(status, code, message)) return [];
    if (parsed === null) {
      const kind = failureOfStatus(status);
      throw new EndpointFailure(kind, `${this.host} answered HTTP ${status} and no JSON-RPC`);
    }
    if (calls.length === 1 && (parsed as { id?: unknown }).id === firstId) {
      return this.#matched([parsed], 1, firstId);
    }
    // One object for many calls, or without the call's id: no word about any, so none is known to be refused.
    const kind = isRateLimit(code, message) ? 'rate_limited' : failureOfStatus(status);
    const words = message === '' ? 'one answer for many calls' : message;
    const asked = calls.length === 1 ? 'the call' : 'the batch';
    throw new EndpointFailure(kind, `${this.host} answered HTTP ${status}, not ${asked}: ${words}`);
  }

  /** A single call goes without a list: some nodes know none. */
  async #post(calls: readonly RpcCall[], firstId: number) {
    const bodies = calls.map(({ method, params }, index) => ({
      jsonrpc: '2.0',
      id: firstId + index,
      method,
      params,
    }));
    const body = JSON.stringify(bodies.length === 1 ? bodies[0] : bodies);
    const leave = await this.#options.enter?.(calls.length);
    try {
      const begun = this.#clock.monotonic();
      const answer = await this.#http.send(body, this.#timeouts[kindOf(calls)]);
      if (answer.status < 400) this.#options.answered?.(this.#clock.monotonic() - begun);
      return answer;
    } finally {
      leave?.();
    }
  }

  #matched(answers: readonly unknown[], count: number, firstId: number): RpcOutcome[] {
    const outcomes = matchAnswers(answers, { count, firstId, host: this.host });
    for (const outcome of outcomes) {
      if (outcome.kind === 'error') outcome.message = this.#clean(outcome.message);
    }
    return outcomes;
  }

  #clean(message: string): string {
    let text = printable(message);
    for (const secret of this.#secrets) text = text.replaceAll(secret, '…');
    return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  }
}

/** Up to the first call of several that was refused for their number. */
function withoutRefused(outcomes: RpcOutcome[]): RpcOutcome[] {
  if (outcomes.length < 2) return outcomes;
  const first = outcomes.findIndex(
    (outcome) => outcome.kind === 'error' && refusesCallOfBatch(outcome.code, outcome.message),
  );
  return first < 0 ? outcomes : outcomes.slice(0, first);
}

/** The slowest thing that is asked. */
function kindOf(calls: readonly RpcCall[]): keyof Timeouts {
  if (calls.some(({ method }) => method === 'eth_getLogs')) return 'logs';
  return calls[0]?.method === 'eth_sendRawTransaction' ? 'send' : 'read';
}

/** The parts of a URL that may be a key, longest first so that no part of one is left standing. */
function secretsOf(url: URL, original: string): string[] {
  const parts = [original, url.href, url.pathname, url.search, url.password, url.username];
  parts.push(...url.pathname.split('/'), ...url.searchParams.values());
  return [...new Set(parts)].filter((part) => part.length >= 8).sort((a, b) => b.length - a.length);
}
