import {
  Agent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { ConfigurationError } from '../kernel/index.ts';
import { EndpointFailure, type FailureKind } from './failure.ts';

type HttpAnswer = { status: number; text: string };

/** Idle connections are given up before usual servers and balancers cut them, which would look like a lost answer. */
const IDLE_MS = 4_000;
const MAX_IDLE = 16;

/**
 * Posts JSON to one URL over connections that are kept. By node:http and not by fetch, which costs twice the
 * CPU a call. Its messages name the host, never the URL, whose path, query and user may be keys.
 */
export class HttpPost {
  readonly host: string;
  readonly #options: RequestOptions;
  readonly #request: typeof requestHttp;
  readonly #maxBytes: number;

  constructor(url: URL, maxBytes: number) {
    const secure = url.protocol === 'https:';
    const agent = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: MAX_IDLE };
    const credentials = [url.username, url.password].map(decoded);
    this.host = url.host;
    this.#request = secure ? requestHttps : requestHttp;
    this.#options = {
      agent: secure ? new TlsAgent(agent) : new Agent(agent),
      method: 'POST',
      // An IPv6 address stands in brackets in a URL alone.
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port || (secure ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      headers: { 'content-type': 'application/json' },
      ...(credentials.join('') === '' ? {} : { auth: credentials.join(':') }),
    };
    this.#maxBytes = maxBytes;
  }

  /**
   * The whole answer, whatever its status but a redirect, which is not followed: the body is for this host
   * alone. Throws EndpointFailure when none came within the time, connecting and reading included.
   */
  send(body: string, timeoutMs: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#options, (response) => {
        const status = response.statusCode ?? 0;
        if (status >= 300 && status < 400) return fail('malformed', `HTTP ${status}, a redirect`);
        read(response, this.#maxBytes, fail, (text) => {
          clearTimeout(timer);
          resolve({ status, text });
        });
      });
      const late = () => fail('timeout', `no answer within ${timeoutMs} ms`);
      const timer = setTimeout(late, timeoutMs);
      const fail = (kind: FailureKind, reason: string) => {
        clearTimeout(timer);
        request.destroy();
        reject(new EndpointFailure(kind, `${this.host}: ${reason}`));
      };
      request.on('error', (error) => fail('unreachable', reasonOf(error)));
      request.end(body);
    });
  }
}

function read(
  response: IncomingMessage,
  maxBytes: number,
  fail: (kind: FailureKind, reason: string) => void,
  done: (text: string) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    // An endless answer costs maxBytes and no more.
    if (size > maxBytes) return fail('malformed', `the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  });
  response.on('error', (error) => fail('unreachable', reasonOf(error)));
  response.on('end', () => done(Buffer.concat(chunks).toString('utf8')));
}

/** The driver's own message may hold the URL; its code says enough. */
function reasonOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'the connection failed';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % stands for itself.
    return text;
  }
}

export function parseRpcUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError('an RPC endpoint is not an http:// or https:// URL');
  }
  return url;
}
