import { type Address, type Hex, keccak256 } from '../../kernel/index.ts';
import { blockParam, readOutcome } from '../node.ts';
import * as parse from '../parse.ts';
import type { BlockTag, LogsSeen, ReceiptSeen, TransferFilter } from '../port.ts';
import type { RpcCall, RpcClient } from '../rpc.ts';
import type { NodeHeads } from './quorum.ts';

// keccak256('Transfer(address,address,uint256)')
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/** One node's vote: what it shows, cut down to what nodes must agree on. Throws EndpointFailure. */
export class NodeVoter {
  readonly name: string;
  readonly #rpc: RpcClient;

  constructor(name: string, rpc: RpcClient) {
    this.name = name;
    this.#rpc = rpc;
  }

  async heads(): Promise<NodeHeads> {
    const [latest, safe, finalized] = await this.#rpc.batch(
      (['latest', 'safe', 'finalized'] as const).map(block),
    );
    const number = parse.orNull((value) => parse.header(value).number);
    const tagged = (outcome: typeof latest) =>
      // Some nodes have an error for a tag that the chain does not have, or has not reached.
      outcome!.kind === 'error' ? null : readOutcome(this.#rpc.host, outcome!, number);
    return {
      latest: readOutcome(this.#rpc.host, latest!, number),
      safe: tagged(safe),
      finalized: tagged(finalized),
    };
  }

  async blockHashes(heights: readonly number[]): Promise<(Hex | null)[]> {
    return this.#many(
      heights.map((height) => block(height)),
      parse.orNull((value) => parse.header(value).hash),
    );
  }

  async transferLogs(filter: TransferFilter): Promise<LogsSeen | null> {
    const { fromBlock, toBlock, tokens, from } = filter;
    const [last, logs] = await this.#rpc.batch([
      block(toBlock),
      {
        method: 'eth_getLogs',
        params: [
          {
            fromBlock: blockParam(fromBlock),
            toBlock: blockParam(toBlock),
            address: tokens,
            topics: [TRANSFER, from.map(topicOf)],
          },
        ],
      },
    ]);
    // A node that is behind answers with the logs that it has: no word about the range.
    const header = readOutcome(this.#rpc.host, last!, parse.orNull(parse.header));
    if (header === null) return null;
    const lines = readOutcome(this.#rpc.host, logs!, parse.placedLogs).map((log) =>
      [
        log.blockHash,
        log.transactionHash,
        log.logIndex,
        log.address,
        log.data,
        ...log.topics,
      ].join(),
    );
    return { blockHash: header.hash, count: lines.length, digest: digestOf(lines.sort()) };
  }

  async receipts(hashes: readonly Hex[]): Promise<(ReceiptSeen | null)[]> {
    const receipts = await this.#many(
      hashes.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })),
      parse.orNull(parse.receipt),
    );
    return receipts.map(
      (receipt) =>
        receipt && {
          blockNumber: receipt.blockNumber,
          blockHash: receipt.blockHash,
          status: receipt.status,
          logsDigest: digestOf(
            receipt.logs.map(({ address, topics, data }) => [address, data, ...topics].join()),
          ),
        },
    );
  }

  async #many<T>(calls: readonly RpcCall[], read: (result: unknown) => T): Promise<T[]> {
    const outcomes = await this.#rpc.batch(calls);
    return outcomes.map((outcome) => readOutcome(this.#rpc.host, outcome, read));
  }
}

const block = (at: BlockTag): RpcCall => ({
  method: 'eth_getBlockByNumber',
  params: [blockParam(at), false],
});
const topicOf = (address: Address) => `0x${address.slice(2).padStart(64, '0')}`;
const digestOf = (lines: readonly string[]): Hex => keccak256(Buffer.from(lines.join('\n')));
