import type { ChainPort } from '../../../src/base/chain/index.ts';
import type { Address, Hex } from '../../../src/base/kernel/index.ts';

export type Header = NonNullable<Awaited<ReturnType<ChainPort['header']>>>;
export type Block = NonNullable<Awaited<ReturnType<ChainPort['blocks']>>[number]>;
export type Receipt = NonNullable<Awaited<ReturnType<ChainPort['receipts']>>[number]>;
export type TransactionOnChain = NonNullable<
  Awaited<ReturnType<ChainPort['transactionsByHash']>>[number]
>;
export type Tag = Parameters<ChainPort['header']>[0];
export type Call = Parameters<ChainPort['estimateGas']>[0][number];
export type Raw = Parameters<ChainPort['send']>[0][number];

/** A signed EIP-1559 transaction, read from its bytes; `from` is the signature's own word. */
export type Transaction = {
  hash: Hex;
  bytes: Buffer;
  chainId: number;
  from: Address;
  nonce: bigint;
  to: Address;
  value: bigint;
  data: Hex;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
};

export type TokenOptions = {
  address: Address;
  decimals: number;
  /** With it, the token takes authorizations (ERC-3009). */
  eip712?: { name: string; version: string };
};

export type FakeChainOptions = {
  /** Part of every block hash, and of every choice that the chain makes by itself. */
  seed: number;
  chainId?: number;
  /** Wei a gas; stays until setBaseFee. */
  baseFeePerGas?: bigint;
  blockGasLimit?: bigint;
  /** safe lies one epoch below the latest block, finalized two; the genesis before that. */
  slotsInEpoch?: number;
  /** What a replacement must add to both fees, in percent; 0 stands for anvil: any higher cap. */
  replacementPercent?: bigint;
  /** Seconds of a block's timestamp; without it each block is twelve seconds after its parent. */
  now?: () => number;
  tokens?: readonly TokenOptions[];
};

/** What becomes of the transactions of blocks that a reorg takes back. */
export type ReorgOptions = {
  /**
   * keep: each in a block of the height it had · shuffle: in other blocks, by the seed · none: the new blocks
   * are empty · a predicate: those it holds for are kept. What can not be executed without a transaction
   * that is left out (a later nonce) is left out too. Default none, as anvil has it.
   */
  transactions?: 'keep' | 'shuffle' | 'none' | ((hash: Hex) => boolean);
  /** What is left out goes back to the pool, as in geth; else it vanishes, as in anvil. Default true. */
  toPool?: boolean;
  /** Blocks of the new branch; as many as were taken back unless told otherwise. */
  blocks?: number;
};

export type Method = keyof ChainPort;

/**
 * What goes wrong with one call. `from`: the items of a send before this one are served well.
 * lost: no answer; a send was delivered, was not, or is delivered at deliverLate() · busy: the node is too loaded
 * to look at the call · says: the node's own error, for a send in the classes of real nodes, with the bytes taken
 * all the same if `delivered` · wrong_hash: taken, and another transaction's hash answered · twice: taken two
 * times, the second answer given · delay: by the node's clock, then served · stale: served as of some blocks ago.
 */
export type Fault = { from?: number } & (
  | { kind: 'lost'; delivered: boolean | 'late' }
  | { kind: 'busy'; status: 429 | 502 | 503 | 504 }
  | { kind: 'says'; message: string; delivered?: boolean }
  | { kind: 'wrong_hash' }
  | { kind: 'twice' }
  | { kind: 'delay'; ms: number }
  | { kind: 'stale'; blocks: number }
);
