import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

type KeptAnswer = { status: number; headers: OutgoingHttpHeaders; body: Uint8Array };

/** Where answers are kept; of several processes one that they share, like a table. */
type AnswerStore = {
  get(key: string): Promise<KeptAnswer | undefined>;
  set(key: string, answer: KeptAnswer): Promise<void>;
};

type Options = {
  store?: AnswerStore;
  /** A larger answer is not kept. */
  maxBytes?: number;
};

type Handler = (
  request: IncomingMessage & { originalUrl?: string },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * In front of the payment middleware, for Express and whatever else takes Connect's handlers: a request that comes with a
 * payment which was served before gets that answer, and while the first one is under way the others wait for it.
 * Only what was served is kept: after an error the same payment may ask again.
 */
export function serveOnce({ store = inMemory(), maxBytes = 1_048_576 }: Options = {}): Handler {
  const running = new Map<string, Promise<KeptAnswer | undefined>>();
  const answer = async (...[request, response, next]: Parameters<Handler>): Promise<void> => {
    const payment = request.headers['payment-signature'] ?? request.headers['x-payment'];
    if (payment === undefined) return next();
    const key = keyOf(request, String(payment));
    for (;;) {
      const first = running.get(key);
      const kept = first === undefined ? await store.get(key) : await first;
      if (kept !== undefined) return replay(response, kept);
      // Another may have begun while the store was asked.
      if (running.has(key)) continue;
      const served = record(response, maxBytes).then(async (made) => {
        if (made !== undefined) await store.set(key, made);
        return made;
      });
      const over = served.catch(() => undefined).finally(() => running.delete(key));
      running.set(key, over);
      return next();
    }
  };
  return (request, response, next) => {
    answer(request, response, next).catch(next);
  };
}

function keyOf(request: IncomingMessage & { originalUrl?: string }, payment: string): string {
  const url = request.originalUrl ?? request.url ?? '';
  return createHash('sha256').update(`${request.method} ${url}\n${payment}`).digest('hex');
}

function replay(response: ServerResponse, { status, headers, body }: KeptAnswer): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.setHeader('idempotent-replayed', 'true');
  response.statusCode = status;
  response.end(body);
}

/** What leaves by a response, once it has ended; undefined: nothing that was served. */
function record(response: ServerResponse, maxBytes: number): Promise<KeptAnswer | undefined> {
  const chunks: Buffer[] = [];
  const note = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk === 'string') {
      const known = typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
      chunks.push(Buffer.from(chunk, known));
    } else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const { write, end, writeHead } = response;
  // What is given here alone is in no list of the response's headers.
  response.writeHead = function (this: ServerResponse, status: number, ...given: unknown[]) {
    const reason = typeof given[0] === 'string' ? [given[0]] : [];
    for (const [name, value] of pairsOf(given[reason.length])) this.setHeader(name, value);
    return Reflect.apply(writeHead, this, [status, ...reason]);
  } as ServerResponse['writeHead'];
  response.write = function (this: ServerResponse, ...given: unknown[]) {
    note(given[0], given[1]);
    return Reflect.apply(write, this, given);
  } as ServerResponse['write'];
  response.end = function (this: ServerResponse, ...given: unknown[]) {
    note(given[0], given[1]);
    return Reflect.apply(end, this, given);
  } as ServerResponse['end'];
  return new Promise((done) => {
    response.once('close', () => {
      const body = Buffer.concat(chunks);
      const whole = response.writableEnded && body.length <= maxBytes;
      const served = whole && response.statusCode < 400;
      if (!served) return done(undefined);
      done({ status: response.statusCode, headers: response.getHeaders(), body });
    });
  });
}

/** Headers as Node takes them: an object, or a list of names and values in turn. */
function pairsOf(headers: unknown): [string, string | number | string[]][] {
  if (Array.isArray(headers)) {
    const flat = headers.flat() as string[];
    return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]!]] : []));
  }
  return Object.entries((headers ?? {}) as Record<string, string>);
}

const MOST_KEPT = 10_000;

/** The last answers of this process. */
function inMemory(): AnswerStore {
  const kept = new Map<string, KeptAnswer>();
  return {
    get: async (key) => kept.get(key),
    async set(key, answer) {
      const [oldest] = kept.keys();
      if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      kept.set(key, answer);
    },
  };
}
