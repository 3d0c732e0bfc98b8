import { Agent, request } from 'node:http';
import { Transient } from '../../base/kernel/index.ts';

// A call by fetch costs twice the CPU, and one is made every second for as long as an installation runs.
const agent = new Agent({ keepAlive: true });
const ANSWER_WITHIN_MS = 10_000;

/** One JSON-RPC call to a development node. Throws Transient with the node's words when it says no. */
export async function rpcCall<Result>(
  url: string,
  method: string,
  params: readonly unknown[],
): Promise<Result> {
  const text = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  const answer = JSON.parse(text) as { result?: Result; error?: { message: string } };
  if (answer.error !== undefined) throw new Transient(`${method}: ${answer.error.message}`);
  return answer.result as Result;
}

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    asked.end(body);
  });
}
