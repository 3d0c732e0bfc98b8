/**
 * The load: a process of its own that asks the API as clients would, over raw keep-alive connections.
 * Every request has a key and a recipient of its own and one of many accounts.
 */
import { performance } from 'node:perf_hooks';
import { serve } from './child.ts';
import { type Latency, latencyOf } from './measure.ts';
import { Connection } from './sockets.ts';

export type LoadOrder = {
  kind: 'deposit' | 'withdrawal';
  /** Of each api process; connections are dealt out in turn. */
  ports: readonly number[];
  apiKey: string;
  connections: number;
  /** Withdrawals in one request; 1 asks for single ones. */
  batch: number;
  /** Part of every idempotency key; unique in one installation. */
  tag: string;
  /** Bytes 2 and 3 of every recipient: other runs pay to others. */
  run: number;
  accounts: number;
  /** Ends after this many withdrawals, or after this time, whichever comes first. */
  limit: { count?: number; durationMs?: number };
  /** Open loop: requests fall due at this rate, answered or not. Absent: the next when one is answered. */
  ratePerSecond?: number;
};

export type LoadResult = {
  withdrawals: number;
  seconds: number;
  perSecond: number;
  /** Of whole requests. In an open loop from the moment a request was due. */
  latency: Latency;
  refused: number;
  /** The first answer that was not expected, with its head. */
  firstRefused: string | null;
};

const AMOUNT = '1';
const DEPOSIT = '10000000';

/** Fixed widths, so that every body of a run has the same length. */
function bodyOf(order: LoadOrder, index: number): string {
  const account = `customer-${String(index % order.accounts).padStart(6, '0')}`;
  if (order.kind === 'deposit') {
    const reference = `${order.tag}-${String(index).padStart(9, '0')}`;
    return `{"account":"${account}","asset":"USDC","amount":"${DEPOSIT}","reference":"${reference}"}`;
  }
  const to = `0xb0${order.run.toString(16).padStart(4, '0')}${index.toString(16).padStart(34, '0')}`;
  return `{"account":"${account}","asset":"USDC","amount":"${AMOUNT}","to":"${to}"}`;
}

function keyOf(order: LoadOrder, index: number): string {
  return `${order.tag}-${String(index).padStart(9, '0')}`;
}

/** Request number n holds the withdrawals n × batch … */
function requestOf(order: LoadOrder, number: number): string {
  const single = order.batch === 1;
  const first = number * order.batch;
  const paths = { deposit: '/v1/deposits', withdrawal: '/v1/withdrawals' };
  const path = single ? paths[order.kind] : '/v1/withdrawals/batch';
  let body = '';
  if (single) {
    body = bodyOf(order, first);
  } else {
    for (let index = first; index < first + order.batch; index += 1) {
      const item = bodyOf(order, index);
      body += `${body === '' ? '' : ','}{"idempotencyKey":"${keyOf(order, index)}",${item.slice(1)}`;
    }
    body = `{"withdrawals":[${body}]}`;
  }
  const key = single ? `idempotency-key: ${keyOf(order, first)}\r\n` : '';
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${order.apiKey}\r\n${key}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Hands out requests to connections and collects answers until the limit; then waits for the open ones. */
class Run {
  readonly #order: LoadOrder;
  readonly #connections: Connection[];
  readonly #expected: number;
  readonly #latencies: number[] = [];
  readonly #requests: number;
  readonly #started = performance.now();
  readonly #until: number;
  #next = 0;
  #open = 0;
  #refused = 0;
  #firstRefused: string | null = null;
  #last = 0;
  #end: () => void = () => {};
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  constructor(order: LoadOrder, connections: Connection[]) {
    this.#order = order;
    this.#connections = connections;
    this.#expected = order.kind === 'deposit' ? 201 : 202;
    const { count, durationMs } = order.limit;
    this.#requests =
      count === undefined ? Number.POSITIVE_INFINITY : Math.ceil(count / order.batch);
    this.#until = durationMs === undefined ? Number.POSITIVE_INFINITY : this.#started + durationMs;
  }

  closedLoop(): void {
    for (const connection of this.#connections) this.#ask(connection, performance.now(), true);
    this.#endIfDone();
  }

  openLoop(ratePerSecond: number): void {
    const free = [...this.#connections];
    const due: number[] = [];
    let announced = 0;
    const release = (connection: Connection) => {
      free.push(connection);
      hand();
    };
    const hand = () => {
      while (due.length > 0 && free.length > 0) this.#ask(free.pop()!, due.shift()!, release);
    };
    const tick = () => {
      const now = performance.now();
      const stop = Math.min(now, this.#until);
      while (announced < this.#requests) {
        const at = this.#started + (announced * 1_000) / ratePerSecond;
        if (at > stop) break;
        due.push(at);
        announced += 1;
      }
      hand();
      if (announced < this.#requests && now < this.#until) setTimeout(tick, 1);
      else this.#endIfDone();
    };
    tick();
  }

  #ask(
    connection: Connection,
    since: number,
    then: true | ((connection: Connection) => void),
  ): void {
    const now = performance.now();
    if (this.#next >= this.#requests || (then === true && now >= this.#until)) return;
    const number = this.#next++;
    this.#open += 1;
    const request = requestOf(this.#order, number);
    const begin = then === true ? performance.now() : since;
    connection.send(request, (status, sample) => {
      this.#last = performance.now();
      this.#latencies.push(this.#last - begin);
      this.#open -= 1;
      if (status !== this.#expected) {
        this.#refused += 1;
        this.#firstRefused ??= sample;
      }
      if (then === true) this.#ask(connection, this.#last, true);
      else then(connection);
      this.#endIfDone();
    });
  }

  #endIfDone(): void {
    const finished = this.#next >= this.#requests || performance.now() >= this.#until;
    if (this.#open === 0 && finished) this.#end();
  }

  result(): LoadResult {
    const requests = this.#latencies.length;
    const withdrawals = (requests - this.#refused) * this.#order.batch;
    const seconds = (this.#last - this.#started) / 1_000;
    return {
      withdrawals,
      seconds,
      perSecond: withdrawals / seconds,
      latency: latencyOf(this.#latencies),
      refused: this.#refused,
      firstRefused: this.#firstRefused,
    };
  }
}

async function load(order: LoadOrder): Promise<LoadResult> {
  let lost: (reason: string) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    lost = (reason) => reject(new Error(`load: ${reason}`));
  });
  broken.catch(() => {});
  const connections = await Promise.all(
    Array.from({ length: order.connections }, (_, index) =>
      Connection.open({ host: '127.0.0.1', port: order.ports[index % order.ports.length]! }, lost),
    ),
  );
  const run = new Run(order, connections);
  if (order.ratePerSecond === undefined) run.closedLoop();
  else run.openLoop(order.ratePerSecond);
  await Promise.race([run.ended, broken]);
  for (const connection of connections) connection.close();
  return run.result();
}

serve(load);
