import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Null: the caller is cut off. */
export type Line = { status?: number; body: Record<string, unknown> } | null;
type Heard = { what: string; headers: IncomingHttpHeaders; body: string };

/** A facilitator that says one thing after the other to each question, the last one again and again. */
export class Scripted {
  readonly url: string;
  readonly heard: Heard[] = [];
  script: { verify?: Line[]; settle?: Line[]; payments?: Line[]; supported?: Line[] } = {};
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x402`;
  }

  static async open(): Promise<Scripted> {
    let scripted: Scripted;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const what = `${request.method} ${request.url}`;
      const body = Buffer.concat(chunks).toString();
      scripted.heard.push({ what, headers: request.headers, body });
      const line = scripted.#next(request.url!);
      if (line === null) return void response.destroy();
      response.writeHead(line.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(line.body));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    scripted = new Scripted(server);
    return scripted;
  }

  times(what: string): number {
    return this.heard.filter((one) => one.what.startsWith(what)).length;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }

  #next(url: string): Line {
    const questions = ['verify', 'settle', 'payments', 'supported'] as const;
    const question = questions.find((one) => url.includes(`/${one}`))!;
    const lines = this.script[question] ?? [{ status: 404, body: {} }];
    return (lines.length > 1 ? lines.shift() : lines[0]) ?? null;
  }
}
