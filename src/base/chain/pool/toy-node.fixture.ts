import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Hex, keccak256 } from '../../kernel/index.ts';

type Call = { id: number; method: string; params: unknown[] };
type Say = { result: unknown } | { error: { code: number; message: string } };
type Fault = 'hang' | 'reset' | 'html' | 'truncated' | number;

/** A node over HTTP that knows heights and hashes, takes bytes, and misbehaves on order. */
export class ToyNode {
  chainId = 8453;
  head = 100;
  /** How every request goes wrong; a number is an HTTP status. */
  fault: Fault | null = null;
  /** Answers a method otherwise than usual. */
  readonly says = new Map<string, (call: Call) => Say>();
  readonly asked: string[] = [];
  readonly sent: string[] = [];
  readonly #hanging = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(JSON.parse(Buffer.concat(chunks).toString()), response));
  });

  static async start(): Promise<ToyNode> {
    const node = new ToyNode();
    await new Promise<void>((resolve) => node.#server.listen(0, '127.0.0.1', resolve));
    return node;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v2/s3cret-s3cret`;
  }

  /** Requests beside the looks of a pool. */
  get reads(): string[] {
    return this.asked.filter((method) => method !== 'eth_chainId');
  }

  hashAt(height: number): Hex {
    return keccak256(Buffer.from(`block ${height}`));
  }

  /** What hangs is answered now. */
  release(): void {
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(body: Call | Call[], response: ServerResponse): void {
    const calls = [body].flat();
    // A look asks for the id and the latest block in one request.
    const look = calls.some(({ method }) => method === 'eth_chainId');
    this.asked.push(...calls.slice(0, look ? 1 : undefined).map(({ method }) => method));
    if (this.fault === 'hang') return void this.#hanging.add(response);
    if (this.fault === 'reset') return void response.destroy();
    if (this.fault === 'html') return void response.end('<html>come back later</html>');
    if (typeof this.fault === 'number') {
      return void response.writeHead(this.fault).end('<html>not now</html>');
    }
    const answers = calls.map((call) => ({ jsonrpc: '2.0', id: call.id, ...this.#say(call) }));
    const text = JSON.stringify(Array.isArray(body) ? answers : answers[0]);
    response.end(this.fault === 'truncated' ? text.slice(0, -9) : text);
  }

  #say(call: Call): Say {
    const special = this.says.get(call.method);
    if (special !== undefined) return special(call);
    const [first] = call.params as [string];
    switch (call.method) {
      case 'eth_chainId':
        return { result: `0x${this.chainId.toString(16)}` };
      case 'eth_getBlockByNumber':
        return { result: this.#block(first === 'latest' ? this.head : Number(first)) };
      case 'eth_getBalance':
        return { result: '0x7' };
      case 'eth_sendRawTransaction':
        this.sent.push(first);
        return { result: keccak256(Buffer.from(first.slice(2), 'hex')) };
      default:
        return { error: { code: -32601, message: `no ${call.method} here` } };
    }
  }

  #block(height: number) {
    if (!(height <= this.head)) return null;
    return {
      number: `0x${height.toString(16)}`,
      hash: this.hashAt(height),
      parentHash: this.hashAt(height - 1),
      timestamp: `0x${(height * 12).toString(16)}`,
      baseFeePerGas: '0x7',
      transactions: [],
    };
  }
}
