import type { RpcClient } from '../../base/chain/index.ts';
import { messageOf } from '../../base/kernel/index.ts';
import type { Evidence } from './file.ts';
import type { Statement } from './statement.ts';

/** Asks a node whether it has what the file says was mined and final. An answer that does not come holds nothing. */
export async function recheckChain(rpc: RpcClient, evidence: Evidence): Promise<Statement[]> {
  const ask = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const [outcome] = await rpc.batch([{ method, params }]);
    if (outcome?.kind === 'result') return outcome.result;
    throw new Error(`${method}: ${outcome?.message ?? 'no answer'}`);
  };
  const statements: Statement[] = [];
  for (const seen of evidence.inclusions.filter(({ final }) => final)) {
    const what = `the node has ${seen.txHash} in a final block`;
    try {
      const receipt = (await ask('eth_getTransactionReceipt', [seen.txHash])) as Answer;
      const final = (await ask('eth_getBlockByNumber', ['finalized', false])) as Answer;
      const holds =
        receipt?.['blockHash'] === seen.blockHash &&
        (receipt['status'] === '0x1') === seen.succeeded &&
        BigInt(final?.['number'] ?? 0) >= BigInt(seen.blockNumber);
      const detail = `block ${receipt?.['blockHash'] ?? 'none'}, final up to ${final?.['number'] ?? 'none'}`;
      statements.push({ what, holds, detail });
    } catch (error) {
      statements.push({ what, holds: false, detail: messageOf(error) });
    }
  }
  return statements;
}

type Answer = Record<string, string> | null;
