import { Answers, isServed, type KeptAnswer, type ServeOnceOptions, Turn } from './answers.ts';

/** Hono's, as far as it is looked at. */
type Context = {
  req: { method: string; url: string; header(name: string): string | undefined };
  res: Response;
};

/** `serveOnce` for Hono, used before the payment middleware. */
export function serveOnceHono(
  options: ServeOnceOptions = {},
): (context: Context, next: () => Promise<void>) => Promise<Response | undefined> {
  const answers = new Answers(options);
  return async (context, next) => {
    const { req } = context;
    const payment = req.header('payment-signature') ?? req.header('x-payment');
    if (payment === undefined) {
      await next();
      return undefined;
    }
    const { pathname, search } = new URL(req.url);
    const entered = await answers.enter({
      ...{ method: req.method, url: pathname + search, payment },
      idempotencyKey: req.header('idempotency-key'),
    });
    if (!(entered instanceof Turn)) return responseOf(entered);
    try {
      await entered.run(next);
    } catch (error) {
      entered.end(undefined);
      throw error;
    }
    const instead = entered.insteadOf(context.res.status);
    if (instead !== undefined) {
      entered.end(isServed(instead) ? instead : undefined);
      // Else Hono keeps the headers of what was there.
      context.res = undefined as unknown as Response;
      context.res = responseOf(instead);
      return undefined;
    }
    // Read beside its way to the caller.
    read(context.res.clone(), answers.maxBytes).then(entered.end, () => entered.end(undefined));
    return undefined;
  };
}

function responseOf({ status, headers, body }: KeptAnswer): Response {
  const response = new Response(body as Uint8Array<ArrayBuffer>, { status });
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) response.headers.append(name, String(one));
    }
  }
  if (isServed({ status })) response.headers.set('idempotent-replayed', 'true');
  return response;
}

/** Undefined: it was not served, or is too large to keep. */
async function read(response: Response, maxBytes: number): Promise<KeptAnswer | undefined> {
  const { status } = response;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > maxBytes || !isServed({ status })) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  if (!isServed({ status })) return undefined;
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  return { status, headers, body: Buffer.concat(chunks) };
}
