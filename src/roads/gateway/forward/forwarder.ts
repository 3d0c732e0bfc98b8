import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { type Clock, type Log, messageOf, type Network } from '../../../base/kernel/index.ts';
import type { KeptRequest } from '../call/kept.ts';
import { type Call, setFailed, setServed } from '../call/rows.ts';
import { upstreamUrl } from '../endpoint/match.ts';
import type { PricedEndpoint } from '../endpoint/rows.ts';
import { askUpstream, UpstreamFailed } from './ask.ts';
import { forwardedHeaders, returnedHeaders } from './headers.ts';

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
      return await this.#ask(call, endpoint, request);
    } catch (error) {
      await this.#fail(call, error);
      return null;
    }
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

  async #ask(call: Call, endpoint: PricedEndpoint, request: KeptRequest): Promise<Forwarded> {
    const { opened } = this.#context;
    const { path, search, body } = request;
    const signal = AbortSignal.timeout(endpoint.timeoutMs);
    const payer = call.receipt?.['payer'];
    const own = { 'payonce-payment-id': call.paymentId, 'payonce-payer': String(payer) };
    const upstream = await askUpstream({
      url: upstreamUrl(endpoint.upstream, path, search),
      method: endpoint.method,
      headers: forwardedHeaders(request.headers, own),
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
    const headers = returnedHeaders(upstream.headers);
    const out = new PassThrough();
    // Its end is told to the client; a client that is gone is nobody's fault.
    out.on('error', () => {});
    this.#track(this.#pass(call, { upstream, out, status, headers }, endpoint));
    return { status, headers, body: out };
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #pass(
    call: Call,
    of: {
      upstream: IncomingMessage;
      out: PassThrough;
      status: number;
      headers: Record<string, string>;
    },
    { maxResponseBytes }: PricedEndpoint,
  ): Promise<void> {
    const { db, clock, keepMs } = this.#context;
    const { upstream, out, status, headers } = of;
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxResponseBytes)
          throw new UpstreamFailed(`more than ${maxResponseBytes} bytes`);
        chunks.push(chunk);
        if (!out.destroyed && !out.write(chunk)) await ready(out);
      }
      if (!upstream.complete) throw new UpstreamFailed('it ended in the middle');
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

/** Until it can take more, or is gone. */
async function ready(out: PassThrough): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(out, 'drain', { signal }), once(out, 'close', { signal })]).catch(
    () => {},
  );
  over.abort();
}
