import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { type Log, messageOf, type Network } from '../../../base/kernel/index.ts';
import { type Call, setFailed, setServed } from '../call/rows.ts';
import { upstreamUrl } from '../endpoint/match.ts';
import type { PricedEndpoint } from '../endpoint/rows.ts';
import { askUpstream, UpstreamFailed } from './ask.ts';
import { forwardedHeaders, returnedHeaders } from './headers.ts';

type Forwarded = { status: number; headers: Record<string, string>; body: Readable };
type Request = {
  method: string;
  path: string;
  search: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
};

/**
 * Sends a paid request to its upstream, once. The answer goes to the client as it comes and is kept beside it; its end is
 * passed on when it is written down, so what a client has whole can be had again. A client that goes away does not
 * end it.
 */
export class Forwarder {
  readonly #context: { db: Db; log: Log; opened: readonly Network[] };
  readonly #running = new Set<Promise<void>>();

  constructor(context: { db: Db; log: Log; opened: readonly Network[] }) {
    this.#context = context;
  }

  /** Throws where the upstream gave no answer that is worth its price: then nothing was kept. */
  async forward(call: Call, endpoint: PricedEndpoint, request: Request): Promise<Forwarded> {
    const { opened } = this.#context;
    const { method, path, search, body } = request;
    const signal = AbortSignal.timeout(endpoint.timeoutMs);
    const payer = call.receipt?.['payer'];
    const own = { 'payonce-payment-id': call.paymentId, 'payonce-payer': String(payer) };
    const upstream = await askUpstream({
      url: upstreamUrl(endpoint.upstream, path, search),
      method,
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
    const running = this.#pass(call, { upstream, out, status, headers }, endpoint).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
    return { status, headers, body: out };
  }

  async drain(): Promise<void> {
    await Promise.all(this.#running);
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
    const { db, log } = this.#context;
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
      const kept = { status, headers, body: Buffer.concat(chunks) };
      if (!(await setServed(db, call, kept))) throw new UpstreamFailed('it came too late');
      out.end();
    } catch (error) {
      const { id: callId, correlationId } = call;
      log.warn(
        { callId, correlationId, error: messageOf(error) },
        'an answer of an upstream broke off',
      );
      await inTransaction(db, (sql) => setFailed(sql, call, 'upstream_failed')).catch((lost) =>
        log.error({ callId, error: messageOf(lost) }, 'its end is written when its time is over'),
      );
      out.destroy(error as Error);
    }
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
