import type { RpcClient } from '../../../base/chain/index.ts';
import { Transient } from '../../../base/kernel/index.ts';

/** A chain's node could not be asked, or did not answer in a form that can be judged. */
export class NotShown extends Error {
  override readonly name = 'NotShown';
}

type Fields = Record<string, unknown>;

/** One result per call, in order. Throws NotShown when one of them did not come. */
export async function ask(
  rpc: RpcClient,
  calls: readonly { method: string; params: readonly unknown[] }[],
): Promise<unknown[]> {
  const outcomes = await rpc.batch(calls);
  return outcomes.map((outcome, index) => {
    if (outcome.kind === 'result') return outcome.result;
    const words = `${calls[index]!.method}: ${outcome.message}`;
    // The RPC client tells a lost answer apart from a refused one; a lost one is worth a smaller question.
    throw outcome.kind === 'lost' ? new Transient(words) : new NotShown(words);
  });
}

export function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null) throw new NotShown(`${what}: the node has none`);
  return value as Fields;
}

export function list(value: unknown, what: string): Fields[] {
  if (!Array.isArray(value)) throw new NotShown(`${what}: not a list`);
  return value as Fields[];
}

export function quantity(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(value))
    throw new NotShown(`${what}: ${String(value).slice(0, 40)} is no quantity`);
  return BigInt(value);
}

/** Lower-case hex without 0x. */
export function hex(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-f]{2})*$/i.test(value))
    throw new NotShown(`${what}: ${String(value).slice(0, 40)} is no hex`);
  return value.slice(2).toLowerCase();
}

export const numberParam = (value: number | bigint) => `0x${value.toString(16)}`;
