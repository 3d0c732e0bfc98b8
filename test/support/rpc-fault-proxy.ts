import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/base/kernel/index.ts';
import { type Random, randomOf } from './seed.ts';

/**
 * What can go wrong between a client and its node. Of a whole request:
 * lose_answer: delivered, then the connection is reset · silence: delivered, never answered · drop: reset before
 * it is delivered · delay: delivered late · status: a proxy's page in the place of the answer, delivered only if
 * said so · truncate: delivered, half of the answer comes · twice: delivered two times, the second answer comes ·
 * refuse_batch: one error for the whole batch, not delivered (a single call passes).
 * Of one call of it: wrong_hash: delivered, another hash answered · unanswered: delivered and left out of the
 * answers · error: an error of its own, delivered only if said so · lie: the node is asked something else, or its
 * result is told otherwise (rpc-lies.ts); its errors pass.
 */
export type RpcFault =
  | { kind: 'lose_answer' | 'silence' | 'drop' | 'truncate' | 'twice' | 'refuse_batch' }
  | { kind: 'delay'; ms: number }
  | { kind: 'status'; status: 408 | 429 | 502 | 503 | 504; delivered?: boolean }
  | { kind: 'wrong_hash' | 'unanswered' }
  | { kind: 'error'; code?: number; message: string; delivered?: boolean }
  | {
      kind: 'lie';
      ask?: (params: readonly unknown[]) => readonly unknown[];
      tell?: (result: unknown) => unknown;
    };

type Kind = RpcFault['kind'];
/** How likely the fault is for a request, or a call, of this method; `*` is every method. */
export type RpcRule = { method: string; probability: number; fault: RpcFault };

export type Call = { id: unknown; method: string; params?: readonly unknown[] };
export type Answer = { id: unknown; result?: unknown; error?: unknown };
type Plan = { whole: RpcFault | null; items: Map<Call, RpcFault> };
/** Carries out the calls of one request; one answer each, in any order. */
type Deliver = (calls: readonly Call[]) => Promise<Answer[]>;

const OF_ONE_CALL: ReadonlySet<Kind> = new Set(['wrong_hash', 'unanswered', 'error', 'lie']);

/**
 * A JSON-RPC proxy over HTTP in front of a node, for single calls and batches. Which fault meets which call follows
 * from the seed and the order in which requests arrive; what was ordered by failNext comes first.
 */
export class RpcFaultProxy {
  readonly #deliver: Deliver;
  readonly #server: Server;
  #random: Random;
  #rules: readonly RpcRule[] = [];
  readonly #orders: { method: string; fault: RpcFault }[] = [];
  readonly #counts = { requests: 0, calls: new Map<string, number>(), faults: new Map() };

  private constructor(deliver: Deliver, seed: number) {
    this.#deliver = deliver;
    this.#random = randomOf(seed);
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        this.#serve(Buffer.concat(pieces).toString('utf8'), response).catch(() => {
          // The node is gone: so is the answer.
          response.socket?.resetAndDestroy();
        });
      });
    });
  }

  /** In front of the node that this URL names, or of a function in its place; without rules it only passes on. */
  static async start(
    target: string | Deliver,
    options: { seed: number; rules?: readonly RpcRule[] },
  ): Promise<RpcFaultProxy> {
    const deliver = typeof target === 'string' ? deliverTo(target) : target;
    const proxy = new RpcFaultProxy(deliver, options.seed);
    proxy.#rules = options.rules ?? [];
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Other rules from now on; none: everything passes. */
  rule(rules: readonly RpcRule[]): void {
    this.#rules = rules;
  }

  /** The next request with a call of this method, or the call itself, meets this fault. */
  failNext(method: string, fault: RpcFault): void {
    this.#orders.push({ method, fault });
  }

  /** Requests, calls by method, and by `kind` and `kind method` the calls that met a fault. */
  counts(): { requests: number; calls: Record<string, number>; faults: Record<string, number> } {
    return {
      requests: this.#counts.requests,
      calls: Object.fromEntries(this.#counts.calls),
      faults: Object.fromEntries(this.#counts.faults),
    };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(body: string, response: ServerResponse): Promise<void> {
    const parsed = JSON.parse(body) as Call | Call[];
    const calls = Array.isArray(parsed) ? parsed : [parsed];
    this.#counts.requests += 1;
    for (const { method } of calls) increase(this.#counts.calls, method);
    const plan = this.#plan(calls, Array.isArray(parsed));
    const { whole } = plan;
    switch (whole?.kind) {
      case 'drop':
        response.socket?.resetAndDestroy();
        return;
      case 'refuse_batch':
        reply(response, 200, JSON.stringify(refusedBatch(calls.length)));
        return;
      case 'status':
        if (whole.delivered) await this.#forward(calls);
        reply(response, whole.status, `<html><h1>${whole.status}</h1></html>`);
        return;
      case 'delay':
        await systemClock.sleep(whole.ms);
        break;
      case 'twice':
        await this.#forward(calls);
    }
    const delivered = calls
      .filter((call) => !keptBack(plan.items.get(call)))
      .map((call) => asked(call, plan.items.get(call)));
    const answers = spoil(calls, plan.items, await this.#forward(delivered));
    if (whole?.kind === 'silence') return;
    if (whole?.kind === 'lose_answer' || answers.length === 0) {
      response.socket?.resetAndDestroy();
      return;
    }
    const text = JSON.stringify(Array.isArray(parsed) ? answers : answers[0]);
    reply(response, 200, whole?.kind === 'truncate' ? text.slice(0, text.length / 2) : text);
  }

  /** Draws once for each rule that fits, hit or not, so that one fault does not shift the next. */
  #plan(calls: readonly Call[], batch: boolean): Plan {
    const fits = (method: string, call: Call) => method === '*' || method === call.method;
    const usable = ({ kind }: RpcFault) => batch || kind !== 'refuse_batch';
    const order = this.#orders.findIndex(
      ({ method, fault }) => usable(fault) && calls.some((call) => fits(method, call)),
    );
    const [ordered] = order < 0 ? [] : this.#orders.splice(order, 1);
    const items = new Map<Call, RpcFault>();
    let whole: RpcFault | null = null;
    if (ordered !== undefined && !OF_ONE_CALL.has(ordered.fault.kind)) whole = ordered.fault;
    else if (ordered !== undefined) {
      items.set(calls.find((call) => fits(ordered.method, call))!, ordered.fault);
    }
    for (const { method, probability, fault } of this.#rules) {
      const fitting = usable(fault) ? calls.filter((call) => fits(method, call)) : [];
      const ofOne = OF_ONE_CALL.has(fault.kind);
      for (const call of ofOne ? fitting : fitting.slice(0, 1)) {
        if (this.#random.next() >= probability) continue;
        if (!ofOne) whole ??= fault;
        else if (!items.has(call)) items.set(call, fault);
      }
    }
    for (const call of calls) this.#count(call, whole ?? items.get(call));
    return { whole, items };
  }

  #count(call: Call, fault: RpcFault | undefined): void {
    if (fault === undefined) return;
    increase(this.#counts.faults, fault.kind);
    increase(this.#counts.faults, `${fault.kind} ${call.method}`);
  }

  async #forward(calls: readonly Call[]): Promise<Answer[]> {
    return calls.length === 0 ? [] : this.#deliver(calls);
  }
}

/** As one batch to a node. */
export function deliverTo(url: string): Deliver {
  return async (calls) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(calls),
    });
    return (await response.json()) as Answer[];
  };
}

function keptBack(fault: RpcFault | undefined): boolean {
  return fault?.kind === 'error' && fault.delivered !== true;
}

function asked(call: Call, fault: RpcFault | undefined): Call {
  if (fault?.kind !== 'lie' || fault.ask === undefined) return call;
  return { ...call, params: fault.ask(call.params ?? []) };
}

/** The node's answers with the faults of single calls put in, in the order of the calls. */
function spoil(
  calls: readonly Call[],
  faults: ReadonlyMap<Call, RpcFault>,
  answers: readonly Answer[],
): Answer[] {
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return calls.flatMap((call): Answer[] => {
    const answer = byId.get(call.id);
    const fault = faults.get(call);
    const head = { jsonrpc: '2.0', id: call.id };
    switch (fault?.kind) {
      case 'unanswered':
        return [];
      case 'error':
        return [{ ...head, error: { code: fault.code ?? -32000, message: fault.message } }];
      case 'wrong_hash':
        return [{ ...head, result: anotherHash(answer?.result) }];
      case 'lie':
        if (answer === undefined || answer.error !== undefined || fault.tell === undefined) break;
        return [{ ...head, result: fault.tell(answer.result) }];
    }
    return answer === undefined ? [] : [answer];
  });
}

export function anotherHash(result: unknown): string {
  const digits = typeof result === 'string' ? result.slice(2) : '';
  return `0x${[...digits.padEnd(64, '0')].reverse().join('')}`;
}

function refusedBatch(size: number): Answer & { jsonrpc: string } {
  const message = `batch of ${size} calls is larger than what is allowed`;
  return { jsonrpc: '2.0', id: null, error: { code: -32600, message } };
}

function reply(response: ServerResponse, status: number, text: string): void {
  const type = status === 200 ? 'application/json' : 'text/html';
  response.writeHead(status, { 'content-type': type }).end(text);
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
