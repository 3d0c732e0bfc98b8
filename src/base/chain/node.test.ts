import { readFileSync } from 'node:fs';
import { encodeFunctionData, parseAbi } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { beforeAll, describe } from 'vitest';
import { chainPortConformance } from '../../../test/conformance/chain-port.ts';
import type { ChainUnderTest } from '../../../test/conformance/chain-under-test.ts';
import { startTestAnvil, type TestAnvil } from '../../../test/support/anvil.ts';
import type { Address, Hex } from '../kernel/index.ts';
import { NodeChain } from './index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const LANE = privateKeyToAddress(KEY).toLowerCase() as Address;
const SLOTS_IN_EPOCH = 4;

let anvil: TestAnvil;
let chain: NodeChain;
let token: Address;

beforeAll(async () => {
  anvil = await startTestAnvil({ noMining: true, slotsInEpoch: SLOTS_IN_EPOCH });
  chain = new NodeChain({ url: anvil.url });
  token = await deployToken();
});

describe('NodeChain on anvil', () => {
  chainPortConformance(
    (): ChainUnderTest => ({
      chain,
      chainId: 31337,
      slotsInEpoch: SLOTS_IN_EPOCH,
      mine: (blocks) => anvil.mine(blocks),
      drop: async (hash) => void (await anvil.rpc('anvil_dropTransaction', hash)),
      reorg: async (depth) => void (await anvil.rpc('anvil_reorg', depth, [])),
      lane: LANE,
      key: KEY,
      token,
    }),
  );
});

/** Deploys the development token from anvil's account 0 and gives the lane 10. */
async function deployToken(): Promise<Address> {
  const file = new URL('../../../contracts/artifacts/DevToken.json', import.meta.url);
  const { bytecode } = JSON.parse(readFileSync(file, 'utf8')) as { bytecode: Hex };
  const [owner] = await anvil.rpc<Address[]>('eth_accounts');
  const gas = '0x2dc6c0';
  const deployed = await anvil.rpc<Hex>('eth_sendTransaction', {
    from: owner,
    data: bytecode,
    gas,
  });
  await anvil.mine();
  const receipt = await anvil.rpc<{ contractAddress: Address }>(
    'eth_getTransactionReceipt',
    deployed,
  );
  const data = encodeFunctionData({
    abi: parseAbi(['function mint(address to, uint256 value)']),
    args: [LANE, 10_000_000n],
  });
  await anvil.rpc('eth_sendTransaction', { from: owner, to: receipt.contractAddress, data, gas });
  await anvil.mine();
  return receipt.contractAddress;
}
