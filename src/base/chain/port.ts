import type { Address, Hex } from '../kernel/index.ts';
import type { FailureKind } from './failure.ts';
import type { SendClass } from './send-errors.ts';

/** Heights are safe integers, times seconds since the epoch, fees wei a gas. Hex is lower case. */
export type BlockHeader = {
  number: number;
  hash: Hex;
  parentHash: Hex;
  timestamp: number;
  baseFeePerGas: bigint | null;
};

/** A block with the hashes of its transactions only: the cheap way to walk. */
export type Block = BlockHeader & { transactions: Hex[] };

export type BlockTag = 'latest' | 'safe' | 'finalized' | number;

/** A receipt by hash can move to another block after a reorg: hold on to (blockNumber, blockHash). */
export type Receipt = {
  transactionHash: Hex;
  blockNumber: number;
  blockHash: Hex;
  status: 'success' | 'reverted';
  gasUsed: bigint;
  effectiveGasPrice: bigint;
  /** What a rollup takes beside its gas for its own chain's (`l1Fee`), in wei; elsewhere 0. */
  l1Fee: bigint;
  from: Address;
  to: Address | null;
  logs: { address: Address; topics: Hex[]; data: Hex }[];
};

/** A Transfer log of an ERC-20, or what else a query names. As with receipts, hold on to (blockNumber, blockHash). */
export type TransferLog = {
  transactionHash: Hex;
  blockNumber: number;
  blockHash: Hex;
  /** Within its block. */
  logIndex: number;
  address: Address;
  topics: Hex[];
  data: Hex;
};

/**
 * Of which tokens, in which blocks (both included), and by whom or to whom: one of the two. Of those by whom, on wish with
 * the AuthorizationUsed logs of the same accounts beside them.
 */
export type TransferQuery = {
  tokens: readonly Address[];
  fromBlock: number;
  toBlock: number;
} & ({ from: readonly Address[]; authorizations?: boolean } | { to: readonly Address[] });

/** A transaction that a node knows; without a block it waits in that node's pool. */
export type TransactionOnChain = {
  hash: Hex;
  from: Address;
  nonce: bigint;
  to: Address | null;
  value: bigint;
  data: Hex;
  blockNumber: number | null;
  blockHash: Hex | null;
};

export type Call = { from: Address; to: Address; value: bigint; data: Hex };

/** A call that anybody may make, to the same end: what a payer authorized, say. */
export type OpenCall = { to: Address; data: Hex; gas: bigint };

/**
 * Gas units, or why there is none: the call reverts (`message` is the reason that its contract gives), the sender
 * lacks funds, the node would not say (its words).
 * No proof of funds: anvil, for one, does not look at the balance for a plain transfer.
 */
export type GasEstimate =
  | { ok: true; gas: bigint }
  | { ok: false; kind: 'reverted' | 'funds' | 'node'; message: string };

/** What a call with a gas limit returned. Why it failed only an estimate's classes tell. */
export type Simulation = { ok: true; returned: Hex } | { ok: false };

/**
 * What gas costs now, wei a gas: the base fee of the next block, as far as the node foretells it, and the tips of
 * recent blocks that had transactions, oldest first, one for each percentile asked; none where a node keeps
 * no fee history. A chain without a base fee (before EIP-1559) has a gas price.
 */
export type FeeMarket =
  | { baseFeePerGas: bigint; tips: bigint[][] }
  | { baseFeePerGas: null; gasPrice: bigint };

/**
 * What is known after a send; `message` holds the node's words where it said something else than yes, `failure`
 * what was wrong with the endpoint where that is why nothing is known.
 */
export type SendAnswer = {
  hash: Hex;
  class: SendClass;
  message: string | null;
  failure?: FailureKind;
};

/**
 * What the rooms above may ask of one chain. Lists are answered in the order asked. Every method throws
 * Transient when no usable answer came; `send` never throws, since a lost answer to a send is itself
 * an answer: `unknown`, possibly sent.
 */
export type ChainPort = {
  chainId(): Promise<number>;
  /** Null: there is no such block (yet), also for a tag that the chain has not reached. */
  header(tag: BlockTag): Promise<BlockHeader | null>;
  /** Blocks from..to, both included; null where the node has none. */
  blocks(from: number, to: number): Promise<(Block | null)[]>;
  /** A block with its whole transactions, which is dear: for a look at one block. Null: there is none. */
  blockTransactions(
    height: number,
  ): Promise<{ hash: Hex; transactions: TransactionOnChain[] } | null>;
  receipts(hashes: readonly Hex[]): Promise<(Receipt | null)[]>;
  /**
   * Transfer logs as far as the node has indexed them: some lag behind their own head, so a missing log proves
   * nothing about a recent block. Nodes bound the answer (10,000 logs are usual) and some the range.
   */
  transfers(query: TransferQuery): Promise<TransferLog[]>;
  transactionsByHash(hashes: readonly Hex[]): Promise<(TransactionOnChain | null)[]>;
  /** The next nonce of each account as of a block: what the chain has consumed lies below it. */
  transactionCounts(
    addresses: readonly Address[],
    block: number | 'latest' | 'pending',
  ): Promise<bigint[]>;
  /** Wei of the native coin. */
  balances(addresses: readonly Address[], block: number | 'latest'): Promise<bigint[]>;
  /** Base units of an ERC-20. */
  tokenBalances(
    token: Address,
    addresses: readonly Address[],
    block: number | 'latest',
  ): Promise<bigint[]>;
  tokenDecimals(token: Address): Promise<number>;
  /** '0x' for an account without code at that block. */
  code(address: Address, block: number | 'latest'): Promise<Hex>;
  /** `percentiles` ascend, 0 to 100. */
  feeMarket(asked: { blocks: number; percentiles: readonly number[] }): Promise<FeeMarket>;
  /** Simulates each call on the latest block, independently of the others. */
  estimateGas(calls: readonly Call[]): Promise<GasEstimate[]>;
  /** The same with this much gas each, at a fraction of an estimate's price. */
  simulate(calls: readonly (Call & { gas: bigint })[]): Promise<Simulation[]>;
  /**
   * Which of these would go through in transactions of their own with this much gas, made by somebody who is nobody. Many are tried in
   * one call, independently; what fails there was tried alone before it is a no.
   */
  passes(calls: readonly OpenCall[]): Promise<boolean[]>;
  /** Sends in the given order; `hash` is the one computed locally. */
  send(raw: readonly { hash: Hex; bytes: Buffer }[]): Promise<SendAnswer[]>;
};
