import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Place = { chainId: number; address: string };

/** What the next questions meet; each once, in order. */
type Fault =
  /** Takes the question and never answers. */
  | 'hang'
  /** Begins an answer and never ends it. */
  | 'stall'
  | 'cut'
  /** More than anybody should read. */
  | 'endless'
  | 'redirect'
  | { status: number }
  /** Instead of the answer. */
  | { text: string };

/**
 * A provider of address risks over HTTP, in both shapes. Scores are set by the test, and so is what goes wrong;
 * who is not known has the score 0.
 */
export class ScreeningStandIn {
  /** By address in lower case. */
  readonly risks = new Map<string, { riskScore: number; category?: string | null }>();
  readonly faults: Fault[] = [];
  /** Of every question from now on; null: none. */
  fault: Fault | null = null;
  /** The addresses of each question that was answered or failed, with its headers. */
  readonly asked: { addresses: string[]; headers: IncomingMessage['headers'] }[] = [];
  /** Requests that were led elsewhere by a redirect. */
  strayed = 0;
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response);
  });

  static async start(): Promise<ScreeningStandIn> {
    const made = new ScreeningStandIn();
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.url === '/elsewhere') {
      this.strayed += 1;
      response.end('{"results":[],"identifications":[]}');
      return;
    }
    const one = /\/address\/(0x[0-9a-f]{40})$/.exec(request.url ?? '')?.[1];
    const places: Place[] =
      one === undefined ? JSON.parse(body).addresses : [{ chainId: 0, address: one }];
    const { headers } = request;
    this.asked.push({ addresses: places.map(({ address }) => address), headers });
    const fault = this.faults.shift() ?? this.fault;
    if (fault !== null) return this.#fail(fault, response);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(one === undefined ? this.#results(places) : this.#found(one)));
  }

  #results(places: readonly Place[]) {
    return {
      results: places.map((place) => ({ ...place, ...this.#risk(place.address) })),
    };
  }

  #found(address: string) {
    const { riskScore, category } = this.#risk(address);
    return { identifications: riskScore === 0 ? [] : [{ category, name: 'n', url: 'u' }] };
  }

  #risk(address: string) {
    return this.risks.get(address.toLowerCase()) ?? { riskScore: 0, category: null };
  }

  #fail(fault: Fault, response: ServerResponse): void {
    if (fault === 'hang') return;
    if (fault === 'stall') return void response.write('{"results":');
    if (fault === 'cut') return void response.destroy();
    if (fault === 'endless') return void response.end('x'.repeat(2 * 1024 * 1024));
    if (fault === 'redirect') {
      response.writeHead(307, { location: new URL('/elsewhere', this.url).href });
      return void response.end();
    }
    if ('status' in fault) response.writeHead(fault.status);
    response.end('text' in fault ? fault.text : 'no');
  }
}
