import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { type Clock, type Log, messageOf, type Network } from '../../../base/kernel/index.ts';
import type { KeptRequest } from '../call/kept.ts';
import { type Call, setCharging, setFailed, setServed } from '../call/rows.ts';
import { decideCharge } from '../charge/decide-charge.ts';
import { upstreamUrl } from '../endpoint/match.ts';
import type { PricedEndpoint, Usage } from '../endpoint/rows.ts';
import { askUpstream, UpstreamFailed } from './ask.ts';
import { forwardedHeaders, returnedHeaders } from './headers.ts';

type Asked = { upstream: IncomingMessage; status: number; headers: Record<string, string> };
type Metered = { endpoint: PricedEndpoint & { usage: Usage }; payer: string };
type Forwarded = { status: number; headers: Record<string, string>; body: Readable };

type ForwarderContext = {
  db: Db;
  log: Log;
  clock: Clock;
  /** Networks of upstreams that are closed otherwise. */
  opened: readonly Network[];
  /** How long an answer is kept. */
  keepMs: number;
};

/**
 * Sends a paid request to its upstream, once. The answer goes to the client as it comes and is kept beside it; its end is
 * passed on when it is written down, so what a client has whole can be had again. A client that goes away does not
 * end it.
 */
export class Forwarder {
  readonly #context: ForwarderContext;
  readonly #running = new Set<Promise<void>>();

  constructor(context: ForwarderContext) {
    this.#context = context;
  }

  /** For a call that its process has taken. Null: the upstream gave no answer that is worth its price, and that is written down. */
  async forward(
    call: Call,
    endpoint: PricedEndpoint,
    request: KeptRequest,
  ): Promise<Forwarded | null> {
    try {
      return await this.#stream(call, endpoint, request);
    } catch (error) {
      await this.#fail(call, error);
      return null;
    }
  }

  /**
   * For a call that its process has opened, and that is charged by its answer: this is kept whole, with its charge, and nothing of
   * it is told before that is paid. Whatever goes wrong is written down, and costs nothing.
   */
  meter(call: Call, metered: Metered, request: KeptRequest): Promise<void> {
    const work = this.#meter(call, metered, request).catch((error) => this.#fail(call, error));
    this.#track(work.catch((lost) => this.#lose(call, lost)));
    return work;
  }

  /** The same where no client waits: the answer is kept for whoever asks. */
  forwardAlone(call: Call, endpoint: PricedEndpoint, request: KeptRequest): void {
    this.#track(
      this.forward(call, endpoint, request).then(
        (forwarded) => void forwarded?.body.destroy(),
        (error) => this.#lose(call, error),
      ),
    );
  }

  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #stream(call: Call, endpoint: PricedEndpoint, request: KeptRequest): Promise<Forwarded> {
    const own = ownHeaders(call, call.receipt?.['payer']);
    const { upstream, status, headers } = await this.#ask(endpoint, request, own);
    const out = new PassThrough();
    // Its end is told to the client; a client that is gone is nobody's fault.
    out.on('error', () => {});
    this.#track(this.#pass(call, { upstream, out, status, headers }, endpoint));
    return { status, headers, body: out };
  }

  async #meter(call: Call, { endpoint, payer }: Metered, request: KeptRequest): Promise<void> {
    const { db, clock, keepMs, log } = this.#context;
    const most = { 'payonce-max-charge': String(call.most) };
    const own = { ...ownHeaders(call, payer), ...most };
    const { upstream, status, headers } = await this.#ask(endpoint, request, own);
    const chunks: Buffer[] = [];
    for await (const chunk of chunksOf(upstream, endpoint)) chunks.push(chunk);
    const { header } = endpoint.usage;
    // Who counts while it speaks tells it behind its answer.
    const told = upstream.headers[header] ?? upstream.trailers[header];
    const usage = told === undefined ? undefined : String(told);
    const charge = decideCharge({ status, usage }, endpoint);
    if (charge.fault !== null) {
      const { id: callId, correlationId } = call;
      log.warn(
        { callId, correlationId, fault: charge.fault },
        'an upstream told no usage that can be charged as it is',
      );
    }
    const answer = { status, headers, body: Buffer.concat(chunks) };
    const keptUntil = new Date(clock.now() + keepMs);
    const whole = { answer, keptUntil, charge };
    const kept = await inTransaction(db, (sql) => setCharging(sql, call, whole));
    if (!kept) throw new UpstreamFailed('it came too late');
  }

  async #ask(
    endpoint: PricedEndpoint,
    { path, search, body, headers: given }: KeptRequest,
    own: Record<string, string>,
  ): Promise<Asked> {
    const { opened } = this.#context;
    const signal = AbortSignal.timeout(endpoint.timeoutMs);
    const upstream = await askUpstream({
      url: upstreamUrl(endpoint.upstream, path, search),
      method: endpoint.method,
      headers: forwardedHeaders(given, own),
      body,
      signal,
      opened,
    });
    const status = upstream.statusCode ?? 502;
    const declared = Number(upstream.headers['content-length'] ?? 0);
    if (status >= 500 || status < 200 || declared > endpoint.maxResponseBytes) {
      upstream.destroy();
      throw new UpstreamFailed(`it answered ${status} with ${declared} bytes`);
    }
    return { upstream, status, headers: returnedHeaders(upstream.headers) };
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #pass(
    call: Call,
    of: Asked & { out: PassThrough },
    endpoint: PricedEndpoint,
  ): Promise<void> {
    const { db, clock, keepMs } = this.#context;
    const { upstream, out, status, headers } = of;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of chunksOf(upstream, endpoint)) {
        chunks.push(chunk);
        // Whoever reads slowly is not waited for: the answer is kept whole anyway, and is served when it is here.
        if (!out.destroyed) out.write(chunk);
      }
      const answer = { status, headers, body: Buffer.concat(chunks) };
      const keptUntil = new Date(clock.now() + keepMs);
      const kept = await setServed(db, call, { answer, keptUntil });
      if (!kept) throw new UpstreamFailed('it came too late');
      out.end();
    } catch (error) {
      await this.#fail(call, error).catch((lost) => this.#lose(call, lost));
      out.destroy(error as Error);
    }
  }

  async #fail(call: Call, error: unknown): Promise<void> {
    const { db, log } = this.#context;
    const { id: callId, correlationId } = call;
    log.warn({ callId, correlationId, error: messageOf(error) }, 'an upstream failed');
    await inTransaction(db, (sql) => setFailed(sql, call, 'upstream_failed'));
  }

  #lose({ id: callId }: Call, error: unknown): void {
    const { log } = this.#context;
    log.error({ callId, error: messageOf(error) }, 'its end is written when its time is over');
  }
}

/** What only we may say to an upstream. */
function ownHeaders({ paymentId }: Call, payer: unknown): Record<string, string> {
  return { 'payonce-payment-id': paymentId, 'payonce-payer': String(payer) };
}

/** The whole answer, or a fault. */
async function* chunksOf(
  upstream: IncomingMessage,
  { maxResponseBytes }: PricedEndpoint,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of upstream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxResponseBytes) throw new UpstreamFailed(`more than ${maxResponseBytes} bytes`);
    yield chunk;
  }
  if (!upstream.complete) throw new UpstreamFailed('it ended in the middle');
}
