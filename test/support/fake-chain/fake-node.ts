import {
  type ChainPort,
  classifySendError,
  type FeeMarket,
  type GasEstimate,
  type OpenCall,
  type SendAnswer,
  type Simulation,
  type TransferLog,
  type TransferQuery,
} from '../../../src/base/chain/index.ts';
import { transferOf } from '../../../src/base/effect/index.ts';
import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  type Hex,
  keccak256,
  Transient,
  ZERO_ADDRESS,
} from '../../../src/base/kernel/index.ts';
import type { FakeChain } from './fake-chain.ts';
import type {
  Block,
  Call,
  Fault,
  Header,
  Method,
  Raw,
  Receipt,
  Tag,
  TransactionOnChain,
} from './types.ts';

type FeeQuestion = Parameters<ChainPort['feeMarket']>[0];
type Asked = { method: Method; count: number; items: number };

type NodeOptions = {
  /** Asked before every call; null: the call is served well. `count`: calls before this one. */
  faultOf?: (asked: Asked) => Fault | null;
  /** Only for delays. */
  sleep?: (ms: number) => Promise<void>;
};

/**
 * One node of a fake chain behind the chain port. Says what a node would say in the same words, and goes wrong
 * as told: by faultOf, or by failNext, which comes first.
 */
export class FakeNode implements ChainPort {
  readonly chain: FakeChain;
  readonly #options: NodeOptions;
  readonly #orders: { method: Method; fault: Fault }[] = [];
  readonly #late: Buffer[] = [];
  readonly #counts = new Map<string, number>();
  #calls = 0;
  #lag = 0;

  constructor(chain: FakeChain, options: NodeOptions = {}) {
    this.chain = chain;
    this.#options = options;
  }

  /** The next call of this method goes wrong like this. */
  failNext(method: Method, fault: Fault): void {
    this.#orders.push({ method, fault });
  }

  /** From now on the node serves what it saw this many blocks ago; zero: it has caught up. */
  lag(blocks: number): void {
    this.#lag = blocks;
  }

  /** What was lost on its way arrives after all: answers how much of it the pool took. */
  deliverLate(): number {
    const late = this.#late.splice(0);
    return late.filter((bytes) => this.chain.take(bytes).refusal === null).length;
  }

  /** `method` and `method fault` → how often. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  async chainId(): Promise<number> {
    await this.#serve('chainId', 1);
    return this.chain.options.chainId;
  }

  async header(tag: Tag): Promise<Header | null> {
    const top = await this.#serve('header', 1);
    const block = this.#seen(this.#height(tag, top), top);
    if (block === null) return null;
    const { transactions: _, ...header } = block;
    return header;
  }

  async blocks(from: number, to: number): Promise<(Block | null)[]> {
    const top = await this.#serve('blocks', to - from + 1);
    const heights = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    return heights.map((height) => this.#seen(height, top));
  }

  async receipts(hashes: readonly Hex[]): Promise<(Receipt | null)[]> {
    const top = await this.#serve('receipts', hashes.length);
    return hashes.map((hash) => {
      const receipt = this.chain.receipt(hash);
      return receipt && receipt.blockNumber <= top ? structuredClone(receipt) : null;
    });
  }

  async blockTransactions(height: number): ReturnType<ChainPort['blockTransactions']> {
    const top = await this.#serve('blockTransactions', 1);
    const block = this.#seen(height, top);
    if (block === null) return null;
    const { hash, transactions } = block;
    return { hash, transactions: transactions.map((one) => this.#transaction(one, top)!) };
  }

  async transfers(query: TransferQuery): Promise<TransferLog[]> {
    const top = await this.#serve('transfers', 1);
    const found: TransferLog[] = [];
    for (let height = query.fromBlock; height <= Math.min(query.toBlock, top); height += 1) {
      const receipts = this.chain
        .block(height)!
        .transactions.map((hash) => this.chain.receipt(hash)!);
      receipts
        .flatMap((receipt) => receipt.logs.map((log) => ({ receipt, log })))
        .forEach(({ receipt, log }, logIndex) => {
          const moved = transferOf(log);
          const asked =
            'from' in query
              ? query.from.includes((moved?.from ?? payerIn(query, log)) as Address)
              : query.to.includes(moved?.to as Address);
          if (!asked || !query.tokens.includes(log.address)) return;
          const { transactionHash, blockNumber, blockHash } = receipt;
          found.push({
            transactionHash,
            blockNumber,
            blockHash,
            logIndex,
            ...structuredClone(log),
          });
        });
    }
    return found;
  }

  async transactionsByHash(hashes: readonly Hex[]): ReturnType<ChainPort['transactionsByHash']> {
    const top = await this.#serve('transactionsByHash', hashes.length);
    return hashes.map((hash) => this.#transaction(hash, top));
  }

  #transaction(hash: Hex, top: number): TransactionOnChain | null {
    const tx = this.chain.transaction(hash);
    if (tx === undefined) return null;
    const receipt = this.chain.receipt(hash);
    const placed = receipt !== undefined && receipt.blockNumber <= top;
    const { from, nonce, to, value, data } = tx;
    return {
      ...{ hash, from, nonce, to, value, data },
      blockNumber: placed ? receipt.blockNumber : null,
      blockHash: placed ? receipt.blockHash : null,
    };
  }

  async transactionCounts(
    addresses: readonly Address[],
    block: number | 'latest' | 'pending',
  ): Promise<bigint[]> {
    const top = await this.#serve('transactionCounts', addresses.length);
    const height = this.#state(block === 'pending' ? 'latest' : block, top);
    return addresses.map((address) => {
      const mined = this.chain.world.nonce(address, height);
      return block === 'pending' ? this.chain.pool.next(address, mined) : mined;
    });
  }

  async balances(addresses: readonly Address[], block: number | 'latest'): Promise<bigint[]> {
    const height = this.#state(block, await this.#serve('balances', addresses.length));
    return addresses.map((address) => this.chain.world.coins(address, height));
  }

  async tokenBalances(
    token: Address,
    addresses: readonly Address[],
    block: number | 'latest',
  ): Promise<bigint[]> {
    const height = this.#state(block, await this.#serve('tokenBalances', addresses.length));
    this.#token(token);
    return addresses.map((address) => this.chain.world.tokenBalance(token, address, height));
  }

  async tokenDecimals(token: Address): Promise<number> {
    await this.#serve('tokenDecimals', 1);
    return this.#token(token).decimals;
  }

  async code(address: Address): Promise<Hex> {
    await this.#serve('code', 1);
    return this.chain.world.hasCode(address) ? '0xfe' : '0x';
  }

  async feeMarket({ blocks, percentiles }: FeeQuestion): Promise<FeeMarket> {
    const top = await this.#serve('feeMarket', 1);
    const tips: bigint[][] = [];
    for (let height = Math.max(0, top - blocks + 1); height <= top; height += 1) {
      const paid = this.chain.tips(height);
      const at = (percentile: number) => paid[Math.floor((percentile * (paid.length - 1)) / 100)]!;
      if (paid.length > 0) tips.push(percentiles.map(at));
    }
    return { baseFeePerGas: this.chain.baseFee(top + 1), tips };
  }

  async estimateGas(calls: readonly Call[]): Promise<GasEstimate[]> {
    const top = await this.#serve('estimateGas', calls.length);
    return calls.map((call) => {
      if (this.chain.world.coins(call.from, top) < call.value) {
        const message = 'insufficient funds for transfer';
        return { ok: false, kind: 'funds', message };
      }
      const outcome = this.chain.world.simulate(call, top);
      return outcome.ok
        ? { ok: true, gas: outcome.gas }
        : { ok: false, kind: 'reverted', message: outcome.message };
    });
  }

  async simulate(calls: readonly (Call & { gas: bigint })[]): Promise<Simulation[]> {
    const top = await this.#serve('simulate', calls.length);
    return calls.map((call) => {
      if (this.chain.world.coins(call.from, top) < call.value) return { ok: false };
      const outcome = this.chain.world.simulate(call, top);
      if (!outcome.ok || outcome.gas > call.gas) return { ok: false };
      return { ok: true, returned: outcome.returned };
    });
  }

  async passes(calls: readonly OpenCall[]): Promise<boolean[]> {
    const answers = await this.simulate(
      calls.map((call) => ({ from: ZERO_ADDRESS, value: 0n, ...call })),
    );
    return answers.map(({ ok }) => ok);
  }

  async send(raw: readonly Raw[]): Promise<SendAnswer[]> {
    const fault = this.#faultOf('send', raw.length);
    await this.#delay(fault);
    return raw.map((one, index) => this.#sendOne(one, index < (fault?.from ?? 0) ? null : fault));
  }

  #sendOne({ hash, bytes }: Raw, fault: Fault | null): SendAnswer {
    const unknown = (message: string): SendAnswer => ({ hash, class: 'unknown', message });
    switch (fault?.kind) {
      case 'lost':
        if (fault.delivered === 'late') this.#late.push(bytes);
        else if (fault.delivered) this.chain.take(bytes);
        return unknown('fake node: ECONNRESET');
      case 'busy':
        return unknown(busyMessage(fault.status));
      case 'says':
        if (fault.delivered) this.chain.take(bytes);
        return {
          hash,
          class: classifySendError(fault.message, hash),
          message: fault.message,
        };
      case 'wrong_hash':
        this.chain.take(bytes);
        return unknown(`the node answered with ${keccak256(Buffer.from(hash))}`);
      case 'twice':
        this.chain.take(bytes);
    }
    const taken = this.chain.take(bytes);
    if (taken.refusal !== null) {
      return { hash, class: classifySendError(taken.refusal, hash), message: taken.refusal };
    }
    return taken.hash === hash
      ? { hash, class: 'accepted', message: null }
      : unknown(`the node answered with ${taken.hash}`);
  }

  /** The height that this read sees as the latest one. */
  async #serve(method: Method, items: number): Promise<number> {
    const fault = this.#faultOf(method, items);
    await this.#delay(fault);
    switch (fault?.kind) {
      case 'lost':
        throw new Transient('fake node: ECONNRESET');
      case 'busy':
        throw new Transient(busyMessage(fault.status));
      case 'says':
        throw new Transient(`fake node answered -32000: ${fault.message}`);
    }
    const behind = this.#lag + (fault?.kind === 'stale' ? fault.blocks : 0);
    return Math.max(0, this.chain.height - behind);
  }

  #faultOf(method: Method, items: number): Fault | null {
    const ordered = this.#orders.findIndex((order) => order.method === method);
    const fault =
      ordered >= 0
        ? this.#orders.splice(ordered, 1)[0]!.fault
        : (this.#options.faultOf?.({ method, count: this.#calls, items }) ?? null);
    this.#calls += 1;
    this.#count(method);
    if (fault !== null) this.#count(`${method} ${fault.kind}`);
    return fault;
  }

  async #delay(fault: Fault | null): Promise<void> {
    if (fault?.kind === 'delay') await this.#options.sleep?.(fault.ms);
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #height(tag: Tag, top: number): number {
    if (typeof tag === 'number') return tag;
    const epochs = { latest: 0, safe: 1, finalized: 2 }[tag];
    return Math.max(0, top - epochs * this.chain.options.slotsInEpoch);
  }

  #seen(height: number, top: number): Block | null {
    const block = height <= top ? this.chain.block(height) : undefined;
    return block === undefined ? null : { ...block, transactions: [...block.transactions] };
  }

  #state(block: number | 'latest', top: number): number {
    if (block === 'latest') return top;
    if (block > top) throw new Transient('fake node answered -32000: header not found');
    return block;
  }

  #token(token: Address): { decimals: number } {
    const known = this.chain.world.tokens.get(token);
    if (known === undefined)
      throw new Transient('fake node: expected a word of 32 bytes, got "0x"');
    return known;
  }
}

/** Whose authorization a log says was taken, where that is asked for. */
function payerIn(
  query: TransferQuery,
  { topics: [topic, payer] }: { topics: readonly Hex[] },
): string | undefined {
  const told = 'authorizations' in query && query.authorizations === true;
  return told && topic === AUTHORIZATION_USED_TOPIC ? `0x${payer?.slice(26)}` : undefined;
}

function busyMessage(status: number): string {
  return `fake node answered HTTP ${status} and no JSON-RPC`;
}
