import { readFileSync } from 'node:fs';
import { encodeFunctionData, parseAbi } from 'viem';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { startTestAnvil, type TestAnvil } from './anvil.ts';

const GENESIS = 1_700_000_000;
const GAS = '0x2dc6c0';

/**
 * Anvils that show one chain: the same genesis, the same transactions, blocks at the same seconds, so the same hashes.
 * What is done to one alone makes it a node that disagrees.
 */
export class MirroredAnvils {
  readonly nodes: readonly TestAnvil[];
  #time = GENESIS;

  private constructor(nodes: readonly TestAnvil[]) {
    this.nodes = nodes;
  }

  static async start(
    count: number,
    options: { slotsInEpoch?: number } = {},
  ): Promise<MirroredAnvils> {
    const nodes: TestAnvil[] = [];
    for (let index = 0; index < count; index += 1) {
      nodes.push(await startTestAnvil({ ...options, noMining: true, timestamp: GENESIS }));
    }
    return new MirroredAnvils(nodes);
  }

  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** The same call to each of them; the first one's answer. */
  async each<Result = unknown>(method: string, ...params: unknown[]): Promise<Result> {
    const answers = await Promise.all(
      this.nodes.map((node) => node.rpc<Result>(method, ...params)),
    );
    return answers[0] as Result;
  }

  /** Blocks on all of them, or on some; a node that is left out stays behind. */
  async mine(blocks = 1, on: readonly TestAnvil[] = this.nodes): Promise<void> {
    for (let block = 0; block < blocks; block += 1) {
      this.#time += 12;
      await Promise.all(
        on.map(async (node) => {
          await node.rpc('evm_setNextBlockTimestamp', this.#time);
          await node.rpc('evm_mine');
        }),
      );
    }
  }

  /** The development token, from account 0, with 10 of it for this holder. */
  async deployToken(holder: Address): Promise<Address> {
    const file = new URL('../../contracts/artifacts/DevToken.json', import.meta.url);
    const { bytecode } = JSON.parse(readFileSync(file, 'utf8')) as { bytecode: Hex };
    const [from] = await this.each<Address[]>('eth_accounts');
    const deployed = await this.each<Hex>('eth_sendTransaction', {
      from,
      data: bytecode,
      gas: GAS,
      ...FEES,
    });
    await this.mine();
    const { contractAddress: to } = await this.each<{ contractAddress: Address }>(
      'eth_getTransactionReceipt',
      deployed,
    );
    const data = encodeFunctionData({
      abi: parseAbi(['function mint(address to, uint256 value)']),
      args: [holder, 10_000_000n],
    });
    await this.each('eth_sendTransaction', { from, to, data, gas: GAS, ...FEES });
    await this.mine();
    return to;
  }
}

/** Told, since each node would estimate its own. */
const FEES = { maxFeePerGas: '0x4a817c800', maxPriorityFeePerGas: '0x3b9aca00' };
