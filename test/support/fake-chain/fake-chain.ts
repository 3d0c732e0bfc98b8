import { type Address, type Hex, keccak256 } from '../../../src/base/kernel/index.ts';
import { type Random, randomOf } from '../seed.ts';
import { Pool } from './pool.ts';
import { readTransaction } from './transaction.ts';
import type { Block, FakeChainOptions, Receipt, ReorgOptions, Transaction } from './types.ts';
import { PLAIN_GAS, World } from './world.ts';

const NO_HASH: Hex = `0x${'00'.repeat(32)}`;
const GENESIS_TIME = 1_700_000_000;
const BLOCK_SECONDS = 12;

type Settled = Required<Omit<FakeChainOptions, 'now'>> & { now: (() => number) | null };

/** One chain with one pool. Nothing happens by itself: blocks come from mine() and reorg(). */
export class FakeChain {
  readonly options: Settled;
  readonly world: World;
  readonly pool = new Pool();
  readonly #random: Random;
  readonly #blocks: Block[];
  readonly #receipts = new Map<Hex, Receipt>();
  /** Every transaction that was ever shown: reading one costs fifty times a look-up. */
  readonly #known = new Map<Hex, Transaction>();
  readonly #taken = new Set<Hex>();
  #toRevert: ((tx: Transaction) => boolean)[] = [];
  #baseFee: bigint;
  #branch = 0;
  #stalled = false;
  #notBefore = 0;
  #timeOfNext = 0;

  constructor(options: FakeChainOptions) {
    this.options = {
      chainId: 31337,
      baseFeePerGas: 10n ** 9n,
      blockGasLimit: 1_000_000_000n,
      slotsInEpoch: 4,
      replacementPercent: 10n,
      tokens: [],
      ...options,
      now: options.now ?? null,
    };
    this.#random = randomOf(options.seed);
    this.#baseFee = this.options.baseFeePerGas;
    const { tokens, chainId } = this.options;
    const timeOf = (height: number) => this.#blocks[height]?.timestamp ?? this.#timeOfNext;
    this.world = new World(tokens, { chainId, timeOf });
    const timestamp = options.now?.() ?? GENESIS_TIME;
    this.#blocks = [this.#sealed({ number: 0, parentHash: NO_HASH, timestamp }, [])];
  }

  get height(): number {
    return this.#blocks.length - 1;
  }

  block(number: number): Block | undefined {
    return this.#blocks[number];
  }

  /** Of a block that is there, or that the next one will have. */
  baseFee(height: number): bigint {
    return this.#blocks[height]?.baseFeePerGas ?? this.#baseFee;
  }

  /** What the transactions of a block gave above its base fee, ascending. */
  tips(height: number): bigint[] {
    const base = this.baseFee(height);
    return this.#blocks[height]!.transactions.map(
      (hash) => this.#receipts.get(hash)!.effectiveGasPrice - base,
    ).sort((a, b) => (a < b ? -1 : Number(a > b)));
  }

  /** Of the canonical chain. */
  receipt(hash: Hex): Receipt | undefined {
    return this.#receipts.get(hash);
  }

  /** Of the canonical chain or the pool. */
  transaction(hash: Hex): Transaction | undefined {
    return this.#receipts.has(hash) ? this.#known.get(hash) : this.pool.get(hash);
  }

  /** Coins in wei, or units of a token, as if the account had had them from the start. */
  give(of: Address, amount: bigint, token?: Address): void {
    this.world.give(of, amount, token);
  }

  /** For the blocks to come. What waits with a lower cap goes on waiting, as in geth. */
  setBaseFee(baseFeePerGas: bigint): void {
    this.#baseFee = baseFeePerGas;
  }

  /** The next transaction to be executed for which this holds reverts: it is mined, and without effect. */
  revertNext(predicate: (tx: Transaction) => boolean): void {
    this.#toRevert.push(predicate);
  }

  /** Blocks to come are of this time, in seconds, or later. */
  skipTo(timestamp: number): void {
    this.#notBefore = timestamp;
  }

  /** Heads stop: mine() makes no block until resume(). The pool goes on taking transactions. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  /** Evicts from the pool; what has a later nonce stays and waits for it. False: it was not there. */
  drop(hash: Hex): boolean {
    return this.pool.remove(hash) !== undefined;
  }

  /** Back into the pool with bytes that were taken once: some other node still had them. */
  revive(hash: Hex): boolean {
    if (!this.#taken.has(hash) || this.pool.get(hash)) return false;
    const tx = this.#known.get(hash)!;
    if (tx.nonce < this.#nonceOf(tx.from)) return false;
    this.pool.put(tx);
    return true;
  }

  /** Null: taken into the pool. Otherwise why not, in the words of geth. */
  take(bytes: Buffer): { hash: Hex | null; refusal: string | null } {
    const hash = keccak256(bytes);
    let tx = this.#known.get(hash);
    try {
      tx ??= readTransaction(bytes);
    } catch (error) {
      return { hash: null, refusal: (error as Error).message };
    }
    this.#known.set(hash, tx);
    const refusal = this.pool.get(hash) ? 'already known' : this.#refusalOf(tx);
    if (refusal === null) {
      this.#taken.add(hash);
      this.pool.put(tx);
    }
    return { hash, refusal };
  }

  /** The first block takes from the pool what fits, save what is left for later. */
  mine(count = 1, options: { leave?: (tx: Transaction) => boolean } = {}): Block[] {
    const mined: Block[] = [];
    while (mined.length < count && !this.#stalled) {
      const gas = { left: this.options.blockGasLimit };
      mined.push(
        this.#addBlock((execute) => {
          if (mined.length > 0) return;
          const nonceOf = (of: Address) => this.world.nonce(of, this.height + 1);
          const waiting = this.pool.executable(nonceOf);
          for (let step = waiting.next(); !step.done; ) {
            const tx = step.value;
            const fits = tx.gasLimit <= gas.left && tx.maxFeePerGas >= this.#baseFee;
            const taken = fits && options.leave?.(tx) !== true && execute(tx);
            if (taken) gas.left -= tx.gasLimit;
            step = waiting.next(taken ? 'taken' : 'skip');
          }
        }),
      );
    }
    return mined;
  }

  /** Takes blocks back and puts others there. Answers the fork and what is no longer in a block. */
  reorg(depth: number, options: ReorgOptions = {}): { fork: number; orphaned: Hex[] } {
    const fork = this.height - depth;
    if (depth < 1 || fork < 0) throw new RangeError(`no ${depth} blocks above the genesis`);
    const back = this.#blocks.splice(fork + 1);
    this.world.rewind(fork, fork + depth);
    const orphans = back.flatMap(({ transactions }, at) =>
      transactions.map((hash) => ({ tx: this.#known.get(hash)!, at })),
    );
    for (const { tx } of orphans) this.#receipts.delete(tx.hash);
    this.#branch += 1;
    const count = options.blocks ?? depth;
    const placed = this.#place(orphans, count, options.transactions ?? 'none');
    const orphaned: Transaction[] = placed.left;
    for (const planned of placed.blocks) {
      this.#addBlock((execute) => {
        for (const tx of planned) if (!execute(tx)) orphaned.push(tx);
      });
    }
    if (options.toPool ?? true) for (const tx of orphaned) this.pool.put(tx);
    this.pool.prune((of) => this.#nonceOf(of));
    return { fork, orphaned: orphaned.map(({ hash }) => hash) };
  }

  #place(
    orphans: readonly { tx: Transaction; at: number }[],
    count: number,
    how: NonNullable<ReorgOptions['transactions']>,
  ): { blocks: Transaction[][]; left: Transaction[] } {
    const blocks: Transaction[][] = Array.from({ length: count }, () => []);
    const left: Transaction[] = [];
    const lowest = new Map<Address, number>();
    for (const { tx, at } of orphans) {
      const kept = typeof how === 'function' ? how(tx.hash) : how !== 'none';
      let to = at;
      if (how === 'shuffle') {
        // A sender's nonces stay in order.
        const low = lowest.get(tx.from) ?? 0;
        to = low + this.#random.below(Math.max(1, count - low));
        lowest.set(tx.from, to);
      }
      if (kept && to < count) blocks[to]!.push(tx);
      else left.push(tx);
    }
    return { blocks, left };
  }

  #nonceOf(of: Address): bigint {
    return this.world.nonce(of, this.height);
  }

  #addBlock(fill: (execute: (tx: Transaction) => boolean) => void): Block {
    const parent = this.#blocks.at(-1)!;
    const number = parent.number + 1;
    const next = this.options.now?.() ?? parent.timestamp + BLOCK_SECONDS;
    this.#timeOfNext = Math.max(parent.timestamp + 1, next, this.#notBefore);
    const receipts: Receipt[] = [];
    fill((tx) => {
      if (tx.nonce !== this.world.nonce(tx.from, number)) return false;
      const revert = this.#toRevert.findIndex((predicate) => predicate(tx));
      const at = { number, hash: NO_HASH, baseFeePerGas: this.#baseFee };
      const receipt = this.world.execute(tx, at, revert >= 0);
      if (receipt === null) return false;
      if (revert >= 0) this.#toRevert.splice(revert, 1);
      receipts.push(receipt);
      return true;
    });
    const timestamp = this.#timeOfNext;
    const block = this.#sealed({ number, parentHash: parent.hash, timestamp }, receipts);
    this.#blocks.push(block);
    this.pool.prune((of) => this.#nonceOf(of));
    return block;
  }

  #sealed(
    at: { number: number; parentHash: Hex; timestamp: number },
    receipts: readonly Receipt[],
  ): Block {
    const baseFeePerGas = this.#baseFee;
    const transactions = receipts.map((receipt) => receipt.transactionHash);
    const { seed, chainId } = this.options;
    const content = [seed, chainId, this.#branch, ...Object.values(at), baseFeePerGas];
    const hash = keccak256(Buffer.from([...content, ...transactions].join()));
    for (const receipt of receipts) {
      receipt.blockHash = hash;
      this.#receipts.set(receipt.transactionHash, receipt);
    }
    return { ...at, hash, baseFeePerGas, transactions };
  }

  #refusalOf(tx: Transaction): string | null {
    const { chainId, blockGasLimit } = this.options;
    const { from, maxFeePerGas, maxPriorityFeePerGas } = tx;
    if (tx.chainId !== chainId) {
      return `invalid sender: invalid chain id for signer: have ${tx.chainId} want ${chainId}`;
    }
    if (tx.gasLimit > blockGasLimit) return 'exceeds block gas limit';
    if (maxPriorityFeePerGas > maxFeePerGas) {
      return `max priority fee per gas higher than max fee per gas: address ${from}, maxPriorityFeePerGas: ${maxPriorityFeePerGas}, maxFeePerGas: ${maxFeePerGas}`;
    }
    if (tx.gasLimit < PLAIN_GAS) {
      return `intrinsic gas too low: gas ${tx.gasLimit}, minimum needed ${PLAIN_GAS}`;
    }
    if (maxFeePerGas < this.#baseFee) {
      return `max fee per gas less than block base fee: address ${from}, maxFeePerGas: ${maxFeePerGas}, baseFee: ${this.#baseFee}`;
    }
    const next = this.#nonceOf(from);
    if (tx.nonce < next) return `nonce too low: next nonce ${next}, tx nonce ${tx.nonce}`;
    const balance = this.world.coins(from, this.height);
    const cost = tx.value + tx.gasLimit * maxFeePerGas;
    if (balance < cost) {
      return `insufficient funds for gas * price + value: balance ${balance}, tx cost ${cost}, overshot ${cost - balance}`;
    }
    const holder = this.pool.holder(from, tx.nonce);
    return holder === undefined || this.#outbids(tx, holder)
      ? null
      : 'replacement transaction underpriced';
  }

  #outbids(tx: Transaction, holder: Transaction): boolean {
    const percent = this.options.replacementPercent;
    if (percent === 0n) return tx.maxFeePerGas > holder.maxFeePerGas;
    const bid = (offered: bigint, held: bigint) =>
      offered > held && offered * 100n >= held * (100n + percent);
    return (
      bid(tx.maxFeePerGas, holder.maxFeePerGas) &&
      bid(tx.maxPriorityFeePerGas, holder.maxPriorityFeePerGas)
    );
  }
}
