import type { Heard, Said } from './judge.ts';

type Question = {
  url: string;
  timeoutMs: number;
  headers: Readonly<Record<string, string>>;
  /** JSON; none: it is a GET. */
  body?: string;
};

/** Asks once. Never throws: what was not answered is silence. No redirect is followed with a key or a payment. */
export async function ask({ url, timeoutMs, headers, body }: Question): Promise<Heard> {
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined
        ? { headers }
        : { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body }),
    });
    return { kind: 'answer', status: answer.status, body: readBody(await answer.text()) };
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { message?: unknown } };
    const why = typeof cause?.message === 'string' ? `${message}: ${cause.message}` : message;
    return { kind: 'silence', cause: `no answer from ${new URL(url).origin} (${why})` };
  }
}

function readBody(text: string): Said | null {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && !Array.isArray(body)
      ? (body as Said)
      : null;
  } catch {
    return null;
  }
}

/** JSON of what payments are made of; their whole numbers go as decimal strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, part) => (typeof part === 'bigint' ? String(part) : part));
}
