import { Transient } from '../../base/kernel/index.ts';

/** One JSON-RPC call to a development node. Throws Transient with the node's words when it says no. */
export async function rpcCall<Result>(
  url: string,
  method: string,
  params: readonly unknown[],
): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as { result?: Result; error?: { message: string } };
  if (answer.error !== undefined) throw new Transient(`${method}: ${answer.error.message}`);
  return answer.result as Result;
}
