import { type Clock, type Hex, messageOf } from '../../kernel/index.ts';
import type {
  Agreement,
  LogsSeen,
  QuorumPort,
  ReceiptSeen,
  TransferFilter,
  Vote,
} from '../port.ts';
import { tally, tallyHeight } from './tally.ts';

export type NodeHeads = Record<'latest' | 'safe' | 'finalized', number | null>;

/** A node with a vote. Throws Transient when it has no answer; null is an answer: there is no such thing. */
export type Voter = {
  name: string;
  /** Why it is not to be asked now; null: it is. */
  silent?(): string | null;
  heads(): Promise<NodeHeads>;
  blockHashes(heights: readonly number[]): Promise<(Hex | null)[]>;
  transferLogs(filter: TransferFilter): Promise<LogsSeen | null>;
  receipts(hashes: readonly Hex[]): Promise<(ReceiptSeen | null)[]>;
};

type QuorumOptions = {
  voters: readonly Voter[];
  needed: number;
  clock: Clock;
  /** How long the others are waited for once enough have agreed. */
  graceMs?: number;
};

const GRACE_MS = 500;
const LATE = 'no answer yet when enough had agreed';

/** Asks all voters at once, and waits for the slow ones only as long as their votes can matter. */
export class Quorum implements QuorumPort {
  readonly #options: QuorumOptions;

  constructor(options: QuorumOptions) {
    this.#options = options;
  }

  async agreedHeads(): Promise<Record<keyof NodeHeads, Agreement<number>>> {
    const { needed } = this.#options;
    const tags = ['latest', 'safe', 'finalized'] as const;
    const [latest, safe, finalized] = await this.#ask(
      tags.length,
      async (voter) => {
        const heads = await voter.heads();
        return tags.map((tag) => heads[tag]);
      },
      (votes) => tallyHeight(votes, needed),
    );
    return { latest: latest!, safe: safe!, finalized: finalized! };
  }

  agreedBlockHashes(heights: readonly number[]): Promise<Agreement<Hex>[]> {
    return this.#equal(heights.length, (voter) => voter.blockHashes(heights));
  }

  async agreedTransferLogs(filter: TransferFilter): Promise<Agreement<LogsSeen>> {
    const [agreement] = await this.#equal(1, async (voter) => [await voter.transferLogs(filter)]);
    return agreement!;
  }

  agreedReceipts(hashes: readonly Hex[]): Promise<Agreement<ReceiptSeen>[]> {
    return this.#equal(hashes.length, (voter) => voter.receipts(hashes));
  }

  #equal<Value>(
    items: number,
    question: (voter: Voter) => Promise<(Value | null)[]>,
  ): Promise<Agreement<Value>[]> {
    return this.#ask(items, question, (votes) => tally(votes, this.#options.needed));
  }

  async #ask<Value>(
    items: number,
    question: (voter: Voter) => Promise<(Value | null)[]>,
    judge: (votes: Vote<Value>[]) => Agreement<Value>,
  ): Promise<Agreement<Value>[]> {
    if (items === 0) return [];
    const { voters, clock, graceMs = GRACE_MS } = this.#options;
    const ballots: ((Value | null)[] | string)[] = voters.map(() => LATE);
    const judged = () =>
      Array.from({ length: items }, (_, item) =>
        judge(voters.map((voter, index) => voteOf(voter.name, ballots[index]!, item))),
      );
    const over = new AbortController();
    let enough = () => {};
    const decided = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const all = Promise.all(
      voters.map(async (voter, index) => {
        ballots[index] = await ballotOf(voter, question);
        if (judged().every(({ agreed }) => agreed !== null)) enough();
      }),
    );
    await Promise.race([all, decided.then(() => clock.sleep(graceMs, over.signal))]);
    over.abort();
    return judged();
  }
}

async function ballotOf<Value>(
  voter: Voter,
  question: (voter: Voter) => Promise<(Value | null)[]>,
): Promise<(Value | null)[] | string> {
  const silent = voter.silent?.() ?? null;
  if (silent !== null) return silent;
  try {
    return await question(voter);
  } catch (error) {
    return messageOf(error);
  }
}

function voteOf<Value>(
  endpoint: string,
  ballot: (Value | null)[] | string,
  item: number,
): Vote<Value> {
  return typeof ballot === 'string'
    ? { endpoint, value: null, error: ballot }
    : { endpoint, value: ballot[item] ?? null, error: null };
}
