import { ConfigurationError, printable, Transient } from '../kernel/index.ts';

export type RpcCall = { method: string; params: readonly unknown[] };

/**
 * One call's fate. `error` is the node's own answer; `lost` says that none came for this call, so that
 * it may or may not have been carried out.
 */
export type RpcOutcome =
  | { kind: 'result'; result: unknown }
  | { kind: 'error'; code: number; message: string }
  | { kind: 'lost'; message: string };

export type RpcOptions = {
  url: string;
  /** For one HTTP exchange, connecting and reading the whole body included. */
  timeoutMs?: number;
  maxResponseBytes?: number;
};

/** Public nodes refuse larger batches; on a local node larger ones were not faster. */
const MAX_BATCH = 100;
const MAX_MESSAGE = 500;

/** Answers that a proxy or an overloaded node gives in the place of the node's own words. */
const NOT_THE_NODE = new Set([408, 425, 429, 502, 503, 504]);

/** A JSON-RPC 2.0 client over HTTP for one endpoint. Its messages name the host, never the URL. */
export class RpcClient {
  readonly host: string;
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #secrets: readonly string[];
  readonly #timeoutMs: number;
  readonly #maxResponseBytes: number;
  #lastId = 0;

  constructor(options: RpcOptions) {
    const url = parseUrl(options.url);
    this.host = url.host;
    this.#headers = { 'content-type': 'application/json' };
    this.#secrets = secretsOf(url, options.url);
    if (url.username !== '' || url.password !== '') {
      // fetch refuses a URL with credentials.
      const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      this.#headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
      url.username = '';
      url.password = '';
    }
    this.#url = url.href;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#maxResponseBytes = options.maxResponseBytes ?? 64 * 1024 * 1024;
  }

  /**
   * Calls in order, at most 100 a request, one request after the other; one outcome per call. After a
   * request whose answer was lost the rest is not sent and is `lost` too: it would most likely meet
   * the same time-out, and for sends a later nonce without an earlier one helps nobody.
   */
  async batch(calls: readonly RpcCall[]): Promise<RpcOutcome[]> {
    const outcomes: RpcOutcome[] = [];
    for (let start = 0; start < calls.length; start += MAX_BATCH) {
      try {
        outcomes.push(...(await this.#exchange(calls.slice(start, start + MAX_BATCH))));
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        while (outcomes.length < calls.length)
          outcomes.push({ kind: 'lost', message: error.message });
        break;
      }
    }
    return outcomes;
  }

  async #exchange(calls: readonly RpcCall[]): Promise<RpcOutcome[]> {
    const firstId = this.#lastId + 1;
    this.#lastId += calls.length;
    const body = JSON.stringify(
      calls.map(({ method, params }, index) => ({
        jsonrpc: '2.0',
        id: firstId + index,
        method,
        params,
      })),
    );
    const { status, text } = await this.#post(body);
    const parsed = NOT_THE_NODE.has(status) ? null : parseAnswers(text);
    if (parsed === null)
      throw new Transient(`${this.host} answered HTTP ${status} and no JSON-RPC`);
    if (!Array.isArray(parsed)) {
      // One object instead of a list: no word about any single call, so none is known to be refused.
      const whole = outcomeOf(parsed, this.#clean);
      const words = whole.kind === 'result' ? 'one answer for many calls' : whole.message;
      throw new Transient(`${this.host} answered HTTP ${status}, not the batch: ${words}`);
    }
    return this.#match(parsed, calls.length, firstId);
  }

  /** Answers come in any order, and some nodes leave some out. */
  #match(answers: readonly unknown[], count: number, firstId: number): RpcOutcome[] {
    const outcomes: RpcOutcome[] = Array.from({ length: count }, () => ({
      kind: 'lost',
      message: `${this.host} left the call unanswered`,
    }));
    const seen = new Set<number>();
    for (const answer of answers) {
      const id = (answer as { id?: unknown } | null)?.id;
      if (typeof id !== 'number' || outcomes[id - firstId] === undefined) continue;
      // Two answers to one call: neither can be believed.
      outcomes[id - firstId] = seen.has(id)
        ? { kind: 'lost', message: `${this.host} answered one call twice` }
        : outcomeOf(answer, this.#clean);
      seen.add(id);
    }
    return outcomes;
  }

  async #post(body: string): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: this.#headers,
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      return { status: response.status, text: await readBody(response, this.#maxResponseBytes) };
    } catch (error) {
      // The driver's own message may hold the URL; its code says enough.
      throw new Transient(`${this.host}: ${reasonOf(error, this.#timeoutMs)}`);
    }
  }

  readonly #clean = (message: string): string => {
    let text = printable(message);
    for (const secret of this.#secrets) text = text.replaceAll(secret, '…');
    return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError('an RPC endpoint is not an http:// or https:// URL');
  }
  return url;
}

/** The parts of a URL that may be a key, longest first so that no part of one is left standing. */
function secretsOf(url: URL, original: string): string[] {
  const parts = [original, url.href, url.pathname, url.search, url.password, url.username];
  parts.push(...url.pathname.split('/'), ...url.searchParams.values());
  return [...new Set(parts)].filter((part) => part.length >= 8).sort((a, b) => b.length - a.length);
}

async function readBody(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream, so an endless answer costs maxBytes and no more.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new RangeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof RangeError) return error.message;
  if ((error as Error).name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const cause = (error as { cause?: { code?: unknown } }).cause;
  return typeof cause?.code === 'string' ? cause.code : 'the connection failed';
}

/** The parsed body when it has the form of JSON-RPC answers, one or many; null for anything else. */
function parseAnswers(text: string): unknown[] | object | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}

function outcomeOf(answer: unknown, clean: (message: string) => string): RpcOutcome {
  const { result, error } = answer as { result?: unknown; error?: unknown };
  if (error !== undefined && error !== null) {
    const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
    // Some clients put the telling words into data and "Server error" into message.
    const words = [message, data].filter((part) => typeof part === 'string' && part !== '');
    return {
      kind: 'error',
      code: typeof code === 'number' ? code : 0,
      message: clean(words.length > 0 ? words.join(': ') : JSON.stringify(error)),
    };
  }
  return result === undefined
    ? { kind: 'lost', message: 'an answer without result and error' }
    : { kind: 'result', result };
}
