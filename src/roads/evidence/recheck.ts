import type { RpcClient } from '../../base/chain/index.ts';
import { messageOf } from '../../base/kernel/index.ts';
import type { Verdict } from './check.ts';
import { payments } from './check-books.ts';
import type { Statement } from './statement.ts';

/**
 * Asks a node whether it has what the file says was mined and final; of what was completed, also where no block of it
 * is said to be final. An answer that does not come holds nothing.
 */
export async function recheckChain(
  rpc: RpcClient,
  { evidence, completed }: Pick<Verdict, 'evidence' | 'completed'>,
): Promise<Statement[]> {
  if (evidence === null) return [];
  const paid = completed ? payments(evidence) : [];
  const open = paid.some(({ final }) => final) ? [] : paid.slice(-1);
  const statements: Statement[] = [];
  for (const seen of [...evidence.inclusions.filter(({ final }) => final), ...open]) {
    const what = `the node has ${seen.txHash} in a final block`;
    try {
      const receipt = await ask(rpc, 'eth_getTransactionReceipt', [seen.txHash]);
      const final = await ask(rpc, 'eth_getBlockByNumber', ['finalized', false]);
      // The node's number of that block: the file's own would be believed.
      const holds =
        receipt !== null &&
        final !== null &&
        receipt['blockHash'] === seen.blockHash &&
        (receipt['status'] === '0x1') === seen.succeeded &&
        BigInt(final['number']!) >= BigInt(receipt['blockNumber']!);
      const detail = `block ${receipt?.['blockHash'] ?? 'none'}, final up to ${final?.['number'] ?? 'none'}`;
      statements.push({ what, holds, detail });
    } catch (error) {
      statements.push({ what, holds: false, detail: messageOf(error) });
    }
  }
  return statements;
}

async function ask(rpc: RpcClient, method: string, params: readonly unknown[]): Promise<Answer> {
  const [outcome] = await rpc.batch([{ method, params }]);
  if (outcome?.kind === 'result') return outcome.result as Answer;
  throw new Error(`${method}: ${outcome?.message ?? 'no answer'}`);
}

type Answer = Record<string, string> | null;
