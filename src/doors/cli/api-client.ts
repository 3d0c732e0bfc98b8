import { messageOf, Transient, UnknownOutcome } from '../../base/kernel/index.ts';

/** The members of a problem document that the command reads. */
type ProblemBody = {
  code?: string;
  detail?: string;
  title?: string;
  outcome?: string;
  correlationId?: string;
  errors?: { pointer: string; got: string; expected: string }[];
};

/** The API said no, or that it can not answer now. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  /** The request may have had its effect: only the same key tells. */
  readonly outcomeUnknown: boolean;

  constructor(status: number, body: ProblemBody) {
    const faults = (body.errors ?? []).map(
      ({ pointer, got, expected }) => `${pointer} is ${got}, expected ${expected}`,
    );
    const detail = faults.length > 1 ? faults.join('; ') : (body.detail ?? body.title ?? '');
    super(`${body.code ?? `HTTP ${status}`}: ${detail.replaceAll('\n', ' ')}`);
    this.status = status;
    this.code = body.code ?? '';
    this.outcomeUnknown = body.outcome === 'unknown';
  }
}

type Method = 'GET' | 'POST' | 'DELETE';

type ApiRequest = {
  method: Method;
  /** With its query. */
  path: string;
  body?: unknown;
  idempotencyKey?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
};

type ApiAnswer<Body> = { status: number; body: Body; replayed: boolean };

const TIMEOUT_MS = 30_000;
/** Such a failure happens before a byte of the request has left. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Speaks to one API with one key. */
export class ApiClient {
  readonly url: string;
  readonly #apiKey: string;

  constructor(options: { url: string; apiKey: string }) {
    this.url = options.url.replace(/\/+$/, '');
    this.#apiKey = options.apiKey;
  }

  /**
   * One request, never repeated here. Throws ApiProblem for an answer that is no success, Transient
   * when nothing can have happened, UnknownOutcome when a POST left and its answer did not arrive.
   */
  async request<Body>(request: ApiRequest): Promise<ApiAnswer<Body>> {
    const { method, path } = request;
    const timeout = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(request.idempotencyKey === undefined
            ? {}
            : { 'idempotency-key': request.idempotencyKey }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      });
      const body = parseJson(await response.text());
      if (!response.ok) throw new ApiProblem(response.status, (body ?? {}) as ProblemBody);
      if (body === undefined) throw new TypeError('the answer is not JSON: is this a payonce API?');
      const replayed = response.headers.get('idempotent-replayed') === 'true';
      return { status: response.status, body: body as Body, replayed };
    } catch (error) {
      if (error instanceof ApiProblem) throw error;
      throw this.#translate(error, method);
    }
  }

  #translate(error: unknown, method: Method): Error {
    const cause = (error as { cause?: { code?: unknown; message?: string } } | null)?.cause;
    const code = String(cause?.code ?? '');
    const reason = code || cause?.message || messageOf(error);
    const told = `the API at ${this.url} did not answer (${reason})`;
    return method === 'GET' || NOT_CONNECTED.has(code)
      ? new Transient(`${told}: is it running?`, { cause: error })
      : new UnknownOutcome(told, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
