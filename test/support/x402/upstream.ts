import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

type Heard = { method: string; url: string; headers: IncomingHttpHeaders; body: string };

/** An API that knows nothing of payments, and fails on demand. */
export class Upstream {
  readonly url: string;
  heard: Heard[] = [];
  /** What it does with a request; by default it tells what it heard. */
  answer: (heard: Heard, response: ServerResponse) => void = (heard, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=1' });
    response.end(JSON.stringify({ heard: heard.url, times: this.heard.length }));
  };
  readonly #server: Server;

  /** It tells of every answer what it cost, beside these. */
  charging(headers: Record<string, string>, status = 200): void {
    this.answer = ({ url }, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', ...headers });
      response.end(`what was paid for at ${url}`);
    };
  }

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<Upstream> {
    let upstream: Upstream;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const heard = { method, url, headers, body: Buffer.concat(chunks).toString() };
        upstream.heard.push(heard);
        upstream.answer(heard, response);
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    upstream = new Upstream(server);
    return upstream;
  }

  /** How often a path was asked for. */
  times(path: string): number {
    return this.heard.filter(({ url }) => url.startsWith(path)).length;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }
}
