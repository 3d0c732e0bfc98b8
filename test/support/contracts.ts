import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Abi, encodeFunctionData } from 'viem';
import { projectRoot } from '../../src/base/db/index.ts';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { rpcCall } from '../../src/doors/dev/index.ts';
import { until } from './until.ts';

type Name =
  | 'DevToken'
  | 'OddToken'
  | 'SilentToken'
  | 'Refuser'
  | 'OddWallet'
  | 'Permit2'
  | 'ExactPermit2Proxy'
  | 'UptoPermit2Proxy';

export function artifactOf(name: Name): { abi: Abi; bytecode: Hex; deployedBytecode: Hex } {
  const text = readFileSync(join(projectRoot(), `contracts/artifacts/${name}.json`), 'utf8');
  return JSON.parse(text) as { abi: Abi; bytecode: Hex; deployedBytecode: Hex };
}

/** Puts one of the contracts for tests on a chain that mines by itself, from an account that anvil signs for. */
export async function deploy(url: string, name: Name): Promise<Address> {
  const { contractAddress } = await transact(url, { data: artifactOf(name).bytecode });
  return contractAddress!.toLowerCase() as Address;
}

/** Calls a contract for tests, in a transaction of its own. */
export async function transactWith(
  url: string,
  { name, at }: { name: Name; at: Address },
  functionName: string,
  args: readonly unknown[],
): Promise<void> {
  const data = encodeFunctionData({ abi: artifactOf(name).abi, functionName, args });
  await transact(url, { to: at, data });
}

async function transact(
  url: string,
  call: { to?: Address; data: Hex },
): Promise<{ contractAddress: Address | null }> {
  const [, , , , , , , , , from] = await rpcCall<Address[]>(url, 'eth_accounts', []);
  const hash = await rpcCall<Hex>(url, 'eth_sendTransaction', [{ from, ...call }]);
  type Mined = { status: Hex; contractAddress: Address | null } | null;
  const receipt = await until('the transaction to be mined', () =>
    rpcCall<Mined>(url, 'eth_getTransactionReceipt', [hash]),
  );
  if (receipt.status !== '0x1') throw new Error(`transaction ${hash} reverted`);
  return receipt;
}
