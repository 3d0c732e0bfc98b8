import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** The statement COMMIT to PostgreSQL, not the word inside of another statement. */
export const COMMIT = 'COMMIT\0';

type Order = { text: string; how: 'answer' | 'request'; done(): void };

/**
 * A TCP proxy in front of a server (PostgreSQL, a node), to lose what is said on a connection. Text is
 * looked for in one piece of what a client sends: a statement, a JSON-RPC method.
 */
export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>();
  #orders: Order[] = [];
  #refusing = false;
  #silent = false;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** In front of the server that this URL names. */
  static async start(targetUrl: string): Promise<TcpProxy> {
    const { hostname, port, protocol } = new URL(targetUrl);
    const standard = protocol.startsWith('postgres') ? 5432 : 80;
    const proxy = new TcpProxy({ host: hostname, port: Number(port) || standard });
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** The same URL by way of this proxy. */
  url(targetUrl: string): string {
    const url = new URL(targetUrl);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /**
   * The next client to send this text has it delivered, and its connection is cut in the place of the
   * server's answer: it happened, and nobody was told. Resolves then.
   */
  loseAnswer(text: string): Promise<void> {
    return this.#order(text, 'answer');
  }

  /** The next client to send this text has its connection cut before it is delivered. Resolves then. */
  loseRequest(text: string): Promise<void> {
    return this.#order(text, 'request');
  }

  /** Cuts every connection; new ones are welcome. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** Cuts every connection and every new one until up(). */
  down(): void {
    this.#refusing = true;
    this.cut();
  }

  up(): void {
    this.#refusing = false;
  }

  /** From now on the server's answers are swallowed, connections stay open: a time-out for whoever waits. */
  silence(): void {
    this.#silent = true;
  }

  /** Answers pass again; what was swallowed stays lost. */
  speak(): void {
    this.#silent = false;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.down();
    await closed;
  }

  #order(text: string, how: Order['how']): Promise<void> {
    return new Promise((resolve) => this.#orders.push({ text, how, done: resolve }));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const upstream = createConnection(this.#target);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    const close = () => {
      client.destroy();
      upstream.destroy();
      this.#pairs.delete(pair);
    };
    let losing: Order | null = null;
    client.on('data', (piece) => {
      const order = losing ?? this.#orders.find(({ text }) => piece.includes(text)) ?? null;
      if (order !== null && losing === null) {
        this.#orders = this.#orders.filter((other) => other !== order);
        if (order.how === 'request') {
          close();
          order.done();
          return;
        }
        losing = order;
      }
      upstream.write(piece);
    });
    upstream.on('data', (piece) => {
      if (losing !== null) {
        close();
        losing.done();
      } else if (!this.#silent) client.write(piece);
    });
    for (const socket of [client, upstream]) {
      socket.on('error', close);
      socket.on('close', close);
    }
  }
}
