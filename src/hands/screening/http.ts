import type { ScreeningProviderSettings } from '../../base/config/index.ts';

/** Far above what any answer needs; an endless one costs so much and no more. */
const MOST_BYTES = 1024 * 1024;

type Call = { path?: string; body?: unknown };

/**
 * The JSON that the provider's host answers with. The URL is the configuration's, a client adds nothing but an address in
 * hex; redirects are not followed, since the header is for this host alone. Throws Error that says what is wrong in
 * words without URL or secret.
 */
export async function callProvider(
  { url, header, timeoutMs }: ScreeningProviderSettings,
  { path = '', body }: Call,
): Promise<unknown> {
  const to = new URL(url);
  to.pathname += path;
  const headers = { accept: 'application/json', ...(header && { [header.name]: header.value }) };
  const post = { method: 'POST', body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(timeoutMs);
  let text: string;
  try {
    const response = await fetch(to, {
      ...(body === undefined
        ? { headers }
        : { ...post, headers: { ...headers, 'content-type': 'application/json' } }),
      redirect: 'manual',
      signal,
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Answer(`HTTP ${response.status}`);
    }
    text = await read(response);
  } catch (error) {
    if (error instanceof Answer) throw error;
    // The client's own message may hold the URL.
    throw new Answer(signal.aborted ? `no answer within ${timeoutMs} ms` : 'not reachable');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Answer('an answer that is no JSON');
  }
}

/** What came, or did not, in our words. */
export class Answer extends Error {}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) throw new Answer(`an answer of more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
