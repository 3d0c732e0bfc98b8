import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Passed = { what: string; headers: Record<string, string>; status: number };

/** In front of a facilitator: passes everything on, notes it, and loses the answers that it is told to. */
export class Front {
  readonly url: string;
  readonly passed: Passed[] = [];
  /** Whether the caller is cut off in the place of this answer. */
  loses: (passed: Passed) => boolean = () => false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(target: string): Promise<Front> {
    let front: Front;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = '', url = '' } = request;
      const { host: _, connection: __, ...headers } = request.headers as Record<string, string>;
      const body = chunks.length === 0 ? undefined : Buffer.concat(chunks);
      const answer = await fetch(`${target}${url}`, { method, headers, ...(body && { body }) });
      const passed = { what: `${method} ${url}`, headers, status: answer.status };
      const text = await answer.text();
      front.passed.push(passed);
      if (front.loses(passed)) return void response.destroy();
      const type = answer.headers.get('content-type') ?? 'application/json';
      response.writeHead(answer.status, { 'content-type': type }).end(text);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    front = new Front(server);
    return front;
  }

  /** How often something was asked. */
  times(what: string): number {
    return this.passed.filter((one) => one.what.startsWith(what)).length;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }
}
