import type { ServerResponse } from 'node:http';
import { Answers, isServed, type KeptAnswer, type ServeOnceOptions, Turn } from './answers.ts';

/** Node's own request, as far as it is looked at: no types of Node are needed to use this. */
export type NodeRequest = {
  method?: string | undefined;
  url?: string | undefined;
  originalUrl?: string | undefined;
  headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** Node's own response. */
export type NodeResponse = { statusCode: number; headersSent: boolean; setHeader: unknown };

type Next = (error?: unknown) => void;

/**
 * In front of the payment middleware, for Express and whatever else takes Connect's handlers: a request that comes with a
 * payment which was served before gets that answer, and while the first one is under way the others wait for it.
 * Only what was served is kept: after an error the same payment may ask again.
 */
export function serveOnce(
  options: ServeOnceOptions = {},
): (request: NodeRequest, response: NodeResponse, next: Next) => void {
  const enter = entrance(options);
  return (request, response, next) => {
    enter(request, response).then((turn) => {
      if (turn === 'answered') return;
      if (turn === 'unpaid') next();
      else turn.run(next);
    }, next);
  };
}

/** Lets requests in: answered from what was kept, unpaid and not looked at further, or with their turn. */
export function entrance(options: ServeOnceOptions) {
  const answers = new Answers(options);
  return async (
    request: NodeRequest,
    given: NodeResponse,
    take: () => void = () => {},
  ): Promise<Turn | 'unpaid' | 'answered'> => {
    const response = given as unknown as ServerResponse;
    const { headers, method = '', url = '' } = request;
    const payment = headers['payment-signature'] ?? headers['x-payment'];
    if (payment === undefined) return 'unpaid';
    const idempotencyKey = headers['idempotency-key'];
    const entered = await answers.enter({
      ...{ method, url: request.originalUrl ?? url, payment: String(payment) },
      idempotencyKey: idempotencyKey === undefined ? undefined : String(idempotencyKey),
    });
    if (entered instanceof Turn) {
      record(response, entered, answers.maxBytes);
      return entered;
    }
    take();
    replay(response, entered);
    return 'answered';
  };
}

function replay(response: ServerResponse, { status, headers, body }: KeptAnswer): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
  if (isServed({ status })) response.setHeader('idempotent-replayed', 'true');
  response.statusCode = status;
  response.end(body);
}

/** Follows what leaves by a response, and puts another answer in its place before it does where its turn says so. */
function record(response: ServerResponse, turn: Turn, maxBytes: number): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let instead: KeptAnswer | undefined;
  const note = (chunk: unknown, encoding: unknown) => {
    const bytes = bytesOf(chunk, encoding);
    size += bytes.length;
    if (size <= maxBytes) chunks.push(bytes);
  };
  const decide = (status: number) => {
    if (!response.headersSent) instead ??= turn.insteadOf(status);
    return instead;
  };
  const { write, end, writeHead } = response;
  // What is given here alone is in no list of the response's headers.
  response.writeHead = function (this: ServerResponse, status: number, ...given: unknown[]) {
    if (decide(status) !== undefined) return this;
    const reason = typeof given[0] === 'string' ? [given[0]] : [];
    for (const [name, value] of pairsOf(given[reason.length])) this.setHeader(name, value);
    return Reflect.apply(writeHead, this, [status, ...reason]);
  } as ServerResponse['writeHead'];
  response.write = function (this: ServerResponse, ...given: unknown[]) {
    if (decide(this.statusCode) !== undefined) return true;
    note(given[0], given[1]);
    return Reflect.apply(write, this, given);
  } as ServerResponse['write'];
  response.end = function (this: ServerResponse, ...given: unknown[]) {
    const other = decide(this.statusCode);
    if (other === undefined) {
      note(given[0], given[1]);
      return Reflect.apply(end, this, given);
    }
    Object.assign(this, { write, end, writeHead });
    for (const name of this.getHeaderNames()) this.removeHeader(name);
    replay(this, other);
    return this;
  } as ServerResponse['end'];
  response.once('close', () => {
    if (instead !== undefined) return turn.end(isServed(instead) ? instead : undefined);
    const status = response.statusCode;
    const isWhole = response.writableEnded && size <= maxBytes;
    if (!isWhole || !isServed({ status })) return turn.end(undefined);
    turn.end({ status, headers: response.getHeaders(), body: Buffer.concat(chunks) });
  });
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  if (typeof chunk !== 'string') return Buffer.alloc(0);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** Headers as Node takes them: an object, or a list of names and values in turn. */
function pairsOf(headers: unknown): [string, string | number | string[]][] {
  if (Array.isArray(headers)) {
    const flat = headers.flat() as string[];
    return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]!]] : []));
  }
  return Object.entries((headers ?? {}) as Record<string, string>);
}
