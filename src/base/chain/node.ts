import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  type Hex,
  TRANSFER_TOPIC,
  toHex,
  ZERO_ADDRESS,
} from '../kernel/index.ts';
import { type RpcOutcome, sendAnswer } from './answers.ts';
import { classifyEstimateError } from './estimate-errors.ts';
import { EndpointFailure, failureOfError } from './failure.ts';
import * as parse from './parse.ts';
import type {
  Block,
  BlockHeader,
  BlockTag,
  Call,
  ChainPort,
  FeeMarket,
  GasEstimate,
  OpenCall,
  Receipt,
  SendAnswer,
  Simulation,
  TransactionOnChain,
  TransferLog,
  TransferQuery,
} from './port.ts';
import { type RpcCall, RpcClient, type RpcOptions } from './rpc.ts';
import { callOfAll, gather, verdictsOf } from './together.ts';

type FeeQuestion = Parameters<ChainPort['feeMarket']>[0];

/** One node behind the chain port. A pool of several is another adapter of the same port. */
export class NodeChain implements ChainPort {
  readonly #rpc: RpcClient;

  constructor(options: RpcOptions | RpcClient) {
    this.#rpc = options instanceof RpcClient ? options : new RpcClient(options);
  }

  async chainId(): Promise<number> {
    return this.#one('eth_chainId', [], parse.height);
  }

  /** Which chain it is on and its latest block, in one request. */
  async identify(): Promise<{ chainId: number; head: BlockHeader | null }> {
    const [chainId, head] = await this.#rpc.batch([
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
    ]);
    return {
      chainId: this.#read(chainId!, parse.height),
      head: this.#read(head!, parse.orNull(parse.header)),
    };
  }

  async header(tag: BlockTag): Promise<BlockHeader | null> {
    const [outcome] = await this.#rpc.batch([
      { method: 'eth_getBlockByNumber', params: [blockParam(tag), false] },
    ]);
    // geth has an error, not null, for a tag that the chain has not reached.
    if (outcome!.kind === 'error' && /block not found|unknown block/i.test(outcome!.message)) {
      return null;
    }
    return this.#read(outcome!, parse.orNull(parse.header));
  }

  async blocks(from: number, to: number): Promise<(Block | null)[]> {
    const calls: RpcCall[] = [];
    for (let number = from; number <= to; number += 1) {
      calls.push({ method: 'eth_getBlockByNumber', params: [blockParam(number), false] });
    }
    return this.#many(calls, parse.orNull(parse.block));
  }

  async blockTransactions(
    height: number,
  ): Promise<{ hash: Hex; transactions: TransactionOnChain[] } | null> {
    const params = [blockParam(height), true];
    return this.#one('eth_getBlockByNumber', params, parse.orNull(parse.blockTransactions));
  }

  async receipts(hashes: readonly Hex[]): Promise<(Receipt | null)[]> {
    return this.#many(
      hashes.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })),
      parse.orNull(parse.receipt),
    );
  }

  async transfers(query: TransferQuery): Promise<TransferLog[]> {
    const parties = 'from' in query ? query.from : query.to;
    // To a node an empty list stands for everything.
    if (query.tokens.length === 0 || parties.length === 0) return [];
    const topics = parties.map(topicOf);
    const filter = {
      fromBlock: blockParam(query.fromBlock),
      toBlock: blockParam(query.toBlock),
      address: query.tokens,
      topics: 'from' in query ? [eventsOf(query), topics] : [TRANSFER_TOPIC, null, topics],
    };
    return this.#one('eth_getLogs', [filter], parse.transferLogs);
  }

  async transactionsByHash(hashes: readonly Hex[]): Promise<(TransactionOnChain | null)[]> {
    return this.#many(
      hashes.map((hash) => ({ method: 'eth_getTransactionByHash', params: [hash] })),
      parse.orNull(parse.transaction),
    );
  }

  async transactionCounts(
    addresses: readonly Address[],
    block: number | 'latest' | 'pending',
  ): Promise<bigint[]> {
    return this.#many(
      addresses.map((address) => ({
        method: 'eth_getTransactionCount',
        params: [address, blockParam(block)],
      })),
      parse.quantity,
    );
  }

  async balances(addresses: readonly Address[], block: number | 'latest'): Promise<bigint[]> {
    return this.#many(
      addresses.map((address) => ({
        method: 'eth_getBalance',
        params: [address, blockParam(block)],
      })),
      parse.quantity,
    );
  }

  async tokenBalances(
    token: Address,
    addresses: readonly Address[],
    block: number | 'latest',
  ): Promise<bigint[]> {
    return this.#many(
      addresses.map((address) => ({
        method: 'eth_call',
        // balanceOf(address)
        params: [
          { to: token, data: `0x70a08231${address.slice(2).padStart(64, '0')}` },
          blockParam(block),
        ],
      })),
      parse.word,
    );
  }

  async tokenDecimals(token: Address): Promise<number> {
    // decimals()
    return this.#one('eth_call', [{ to: token, data: '0x313ce567' }, 'latest'], parse.uint8);
  }

  async code(address: Address, block: number | 'latest'): Promise<Hex> {
    return this.#one('eth_getCode', [address, blockParam(block)], parse.bytes);
  }

  async feeMarket({ blocks, percentiles }: FeeQuestion): Promise<FeeMarket> {
    const [latest, history, gasPrice] = await this.#rpc.batch([
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
      { method: 'eth_feeHistory', params: [hexOf(blocks), 'latest', percentiles] },
      { method: 'eth_gasPrice', params: [] },
    ]);
    const { baseFeePerGas } = this.#read(latest!, parse.header);
    if (baseFeePerGas === null) {
      return { baseFeePerGas, gasPrice: this.#read(gasPrice!, parse.quantity) };
    }
    // A node that has no such method, or no history, says so in words of its own.
    const past =
      history!.kind === 'error' ? null : this.#read(history!, parse.orNull(parse.feeHistory));
    return { baseFeePerGas: past?.nextBaseFee ?? baseFeePerGas, tips: past?.tips ?? [] };
  }

  async estimateGas(calls: readonly Call[]): Promise<GasEstimate[]> {
    const outcomes = await this.#rpc.batch(
      calls.map((call) => ({
        method: 'eth_estimateGas',
        // Of the latest block: some nodes default to pending, and build it anew for every call.
        params: [callParam(call), 'latest'],
      })),
    );
    return outcomes.map((outcome) => {
      if (outcome.kind === 'error') return classifyEstimateError(outcome);
      return { ok: true, gas: this.#read(outcome, parse.quantity) };
    });
  }

  async simulate(calls: readonly (Call & { gas: bigint })[]): Promise<Simulation[]> {
    const outcomes = await this.#rpc.batch(
      calls.map((call) => ({
        method: 'eth_call',
        params: [{ ...callParam(call), gas: hexOf(call.gas) }, 'latest'],
      })),
    );
    return outcomes.map((outcome) => {
      if (outcome.kind === 'error') return { ok: false };
      return { ok: true, returned: this.#read(outcome, parse.bytes) };
    });
  }

  async passes(calls: readonly OpenCall[]): Promise<boolean[]> {
    const groups = gather(calls);
    const outcomes = await this.#rpc.batch(groups.map(callOfAll));
    const passed = groups.flatMap(({ length }, index) => {
      const outcome = outcomes[index]!;
      // A node that would not make such a call: each is asked by itself.
      if (outcome.kind === 'error') return Array<boolean>(length).fill(false);
      return verdictsOf(this.#read(outcome, parse.bytes), length);
    });
    const alone = calls.filter((_, index) => !passed[index]);
    const answers = await this.simulate(
      alone.map((call) => ({ from: ZERO_ADDRESS, value: 0n, ...call })),
    );
    return passed.map((yes) => yes || answers.shift()!.ok);
  }

  async send(raw: readonly { hash: Hex; bytes: Buffer }[]): Promise<SendAnswer[]> {
    const outcomes = await this.#rpc.batch(
      raw.map(({ bytes }) => ({ method: 'eth_sendRawTransaction', params: [toHex(bytes)] })),
    );
    return raw.map(({ hash }, index) => sendAnswer(hash, outcomes[index]!));
  }

  async #one<T>(
    method: string,
    params: readonly unknown[],
    read: (result: unknown) => T,
  ): Promise<T> {
    const [outcome] = await this.#rpc.batch([{ method, params }]);
    return this.#read(outcome!, read);
  }

  async #many<T>(calls: readonly RpcCall[], read: (result: unknown) => T): Promise<T[]> {
    const outcomes = await this.#rpc.batch(calls);
    return outcomes.map((outcome) => this.#read(outcome, read));
  }

  #read<T>(outcome: RpcOutcome, read: (result: unknown) => T): T {
    return readOutcome(this.#rpc.host, outcome, read);
  }
}

/** A result in its form. Throws EndpointFailure, which is Transient, for all else. */
function readOutcome<T>(host: string, outcome: RpcOutcome, read: (result: unknown) => T): T {
  if (outcome.kind === 'result') {
    try {
      return read(outcome.result);
    } catch (error) {
      throw new EndpointFailure('malformed', `${host}: ${(error as Error).message}`);
    }
  }
  if (outcome.kind === 'lost') throw new EndpointFailure(outcome.failure, outcome.message);
  const { code, message } = outcome;
  throw new EndpointFailure(failureOfError(code, message), `${host} answered ${code}: ${message}`);
}

function blockParam(block: BlockTag | 'pending'): string {
  return typeof block === 'number' ? hexOf(block) : block;
}

function callParam({ from, to, value, data }: Call) {
  return { from, to, value: hexOf(value), data };
}

function hexOf(quantity: bigint | number): Hex {
  return `0x${quantity.toString(16)}`;
}

/** Both events name in their first topic whose tokens they are about. */
function eventsOf({ authorizations }: { authorizations?: boolean }): Hex | Hex[] {
  return authorizations ? [TRANSFER_TOPIC, AUTHORIZATION_USED_TOPIC] : TRANSFER_TOPIC;
}

function topicOf(address: Address): Hex {
  return `0x${address.slice(2).padStart(64, '0')}`;
}
