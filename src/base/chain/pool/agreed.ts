import { type Clock, Transient } from '../../kernel/index.ts';
import type { Block, BlockHeader, BlockTag, ChainPort, Receipt, TransferLog } from '../port.ts';
import { type Tally, tally, type Vote } from './tally.ts';

/** A node with a vote. */
export type Voter = {
  name: string;
  ask<T>(question: (node: ChainPort) => Promise<T>): Promise<T>;
};

/** What nodes said differently, and who said what. `settled`: enough of the others agreed. */
export type Dispute = {
  about: 'header' | 'blocks' | 'receipts' | 'transfers' | 'accounts';
  settled: boolean;
  /** Those that said something else than most did. */
  against: string[];
};

type AgreedOptions = {
  /** For whatever ends nothing. */
  reads: ChainPort;
  voters: readonly Voter[];
  needed: number;
  clock: Clock;
  /** How long the others are waited for once enough have agreed. */
  graceMs?: number;
  /** Told of every dispute, settled or not, and of who agreed with what was agreed. */
  disputed(dispute: Dispute): void;
  agreedWith(names: readonly string[]): void;
  /** Told when too few said the same, or anything: those that are away are missed. */
  undecided?(): void;
};

const GRACE_MS = 500;
/** Times that a node is asked whose failure leaves a question open. */
const ASKED = 2;

/**
 * A chain port on which an end may rest: what it says of blocks, receipts, Transfer logs and accounts at a height, so
 * many nodes said alike. What they do not agree on is not there: null, or Transient for what has no null. Thus one
 * node that forges, lags or invents ends nothing, and one that is alone with the truth ends nothing either.
 */
export function agreedReads(options: AgreedOptions): ChainPort {
  const { reads } = options;
  const agreed = new Agreed(options);
  return {
    ...bound(reads),
    header: (tag) => agreed.header(tag),
    blocks: (from, to) => agreed.blocks(from, to),
    blockTransactions: (height) => agreed.blockTransactions(height),
    receipts: (hashes) => agreed.receipts(hashes),
    transfers: (query) => agreed.transfers(query),
    transactionCounts: (addresses, block) =>
      typeof block === 'number'
        ? agreed.accounts((node) => node.transactionCounts(addresses, block))
        : reads.transactionCounts(addresses, block),
    balances: (addresses, block) =>
      typeof block === 'number'
        ? agreed.accounts((node) => node.balances(addresses, block))
        : reads.balances(addresses, block),
    tokenBalances: (token, addresses, block) =>
      typeof block === 'number'
        ? agreed.accounts((node) => node.tokenBalances(token, addresses, block))
        : reads.tokenBalances(token, addresses, block),
  };
}

/** A spread alone would lose the methods of a class. */
function bound(port: ChainPort): ChainPort {
  return {
    chainId: () => port.chainId(),
    header: (...args) => port.header(...args),
    blocks: (...args) => port.blocks(...args),
    blockTransactions: (...args) => port.blockTransactions(...args),
    receipts: (...args) => port.receipts(...args),
    transfers: (...args) => port.transfers(...args),
    transactionsByHash: (...args) => port.transactionsByHash(...args),
    transactionCounts: (...args) => port.transactionCounts(...args),
    balances: (...args) => port.balances(...args),
    tokenBalances: (...args) => port.tokenBalances(...args),
    tokenDecimals: (...args) => port.tokenDecimals(...args),
    code: (...args) => port.code(...args),
    feeMarket: (...args) => port.feeMarket(...args),
    estimateGas: (...args) => port.estimateGas(...args),
    simulate: (...args) => port.simulate(...args),
    passes: (...args) => port.passes(...args),
    send: (...args) => port.send(...args),
  };
}

class Agreed {
  readonly #options: AgreedOptions;

  constructor(options: AgreedOptions) {
    this.#options = options;
  }

  /** A tag stands where `needed` nodes have it or have passed it: no single one raises it, none holds it back. */
  async header(tag: BlockTag): Promise<BlockHeader | null> {
    if (typeof tag === 'number') {
      const [header] = await this.#vote('header', 1, async (node) => [await node.header(tag)]);
      return header!;
    }
    const heads = await this.#ask<BlockHeader>(
      1,
      async (node) => [await node.header(tag)],
      (votes) => tally(votes, this.#options.needed).agreed !== null,
    );
    const shown = heads[0]!.flatMap(({ value }) => value ?? []);
    const heights = shown.map(({ number }) => number).sort((a, b) => b - a);
    const height = heights[this.#options.needed - 1];
    if (height === undefined) return null;
    const there = shown.filter(({ number }) => number === height);
    const same = new Set(there.map(({ hash }) => hash)).size === 1;
    return same && there.length >= this.#options.needed ? there[0]! : this.header(height);
  }

  blocks(from: number, to: number): Promise<(Block | null)[]> {
    return this.#vote('blocks', to - from + 1, (node) => node.blocks(from, to));
  }

  /** What used a nonce of ours is told from these: one node's word would release what was paid. */
  async blockTransactions(height: number): ReturnType<ChainPort['blockTransactions']> {
    const [block] = await this.#vote('blocks', 1, async (node) => [
      await node.blockTransactions(height),
    ]);
    return block!;
  }

  receipts(hashes: Parameters<ChainPort['receipts']>[0]): Promise<(Receipt | null)[]> {
    return this.#vote('receipts', hashes.length, (node) => node.receipts(hashes));
  }

  async transfers(query: Parameters<ChainPort['transfers']>[0]): Promise<TransferLog[]> {
    const [seen] = await this.#vote('transfers', 1, async (node) => {
      // A node that is behind answers with the logs that it has: no word about the range.
      const [last, logs] = await Promise.all([node.header(query.toBlock), node.transfers(query)]);
      return [last && { last: last.hash, logs }];
    });
    if (seen === null || seen === undefined) throw this.#open('Transfer logs');
    return seen.logs;
  }

  async accounts(question: (node: ChainPort) => Promise<bigint[]>): Promise<bigint[]> {
    const [values] = await this.#vote('accounts', 1, async (node) => [await question(node)]);
    if (values === null || values === undefined) throw this.#open('accounts');
    return values;
  }

  #open(what: string): Transient {
    const { needed, voters } = this.#options;
    return new Transient(`fewer than ${needed} of ${voters.length} nodes agree about ${what}`);
  }

  async #vote<Value>(
    about: Dispute['about'],
    items: number,
    question: (node: ChainPort) => Promise<(Value | null)[]>,
  ): Promise<(Value | null)[]> {
    const { needed, disputed, agreedWith } = this.#options;
    const votes = await this.#ask(items, question, (one) => tally(one, needed).agreed !== null);
    const tallies = votes.map((one) => tally(one, needed));
    const against = new Set(tallies.flatMap((one) => one.against));
    if (against.size > 0) {
      const settled = tallies.every((one) => one.against.length === 0 || one.agreed !== null);
      disputed({ about, settled, against: [...against] });
    }
    const agreeing = new Set(tallies.flatMap((one: Tally<Value>) => one.agreeing));
    agreedWith([...agreeing].filter((name) => !against.has(name)));
    return tallies.map(({ agreed }) => agreed);
  }

  /**
   * Asks all at once, and waits for the slow ones only as long as their votes can matter; where that leaves it open,
   * those that failed are asked once more.
   */
  async #ask<Value>(
    items: number,
    question: (node: ChainPort) => Promise<(Value | null)[]>,
    isEnough: (votes: readonly Vote<Value>[]) => boolean,
  ): Promise<Vote<Value>[][]> {
    if (items === 0) return [];
    const { voters, clock, graceMs = GRACE_MS, undecided = () => {} } = this.#options;
    const ballots: ((Value | null)[] | null)[] = voters.map(() => null);
    const votes = () =>
      Array.from({ length: items }, (_, item) =>
        voters.map(({ name }, index) => ({ name, value: ballots[index]?.[item] ?? null })),
      );
    for (let round = 0; round < ASKED; round += 1) {
      const over = new AbortController();
      let enough = () => {};
      const decided = new Promise<void>((resolve) => {
        enough = resolve;
      });
      const all = Promise.all(
        voters.map(async (voter, index) => {
          ballots[index] ??= await ballotOf(voter, question);
          if (votes().every(isEnough)) enough();
        }),
      );
      await Promise.race([all, decided.then(() => clock.sleep(graceMs, over.signal))]);
      over.abort();
      if (votes().every(isEnough)) break;
      undecided();
      if (!ballots.includes(null)) break;
    }
    return votes();
  }
}

async function ballotOf<Value>(
  voter: Voter,
  question: (node: ChainPort) => Promise<(Value | null)[]>,
): Promise<(Value | null)[] | null> {
  try {
    return await voter.ask(question);
  } catch {
    // A vote that nobody has; what is wrong with the node its endpoint remembers.
    return null;
  }
}
