import { type ChainSettings, endpointNames, quorumOf } from '../../config/index.ts';
import { type Clock, type Hex, type Log, Transient } from '../../kernel/index.ts';
import { EndpointFailure } from '../failure.ts';
import type { ChainPort, SendAnswer } from '../port.ts';
import { agreedReads, type Dispute, type Voter } from './agreed.ts';
import { Endpoint, type EndpointView } from './endpoint.ts';
import { lagsOf } from './health.ts';
import { allTaken, mergeSends } from './merge-sends.ts';
import { READS, type ReadName, type ReadRule } from './reads.ts';

type PoolOptions = {
  chain: Pick<ChainSettings, 'id' | 'chainId' | 'rpc' | 'quorum'>;
  clock: Clock;
  log: Log;
  random?: () => number;
  /** Told when nodes that vote say different things. */
  disputed?: (dispute: Dispute) => void;
};

export type ChainPool = ChainPort & {
  /** The same chain, as far as so many nodes agree about it as the configuration wants: what ends rest on. */
  readonly agreed: ChainPort;
  /** What is known of the endpoints now; asks nothing. */
  endpoints(): EndpointView[];
};

/** Heads and chain ids are compared so often; a single endpoint has nobody to be compared with. */
const CHECK_MS = { one: 60_000, several: 10_000 };

/**
 * Any number of endpoints behind the chain port. A read goes to the first endpoint, in the configured order, that
 * is well, and on to the next one where it fails or has not come so far. Bytes go to all that may
 * send at once. There is no timer: looks at endpoints are made beside the questions, so that a pool that nobody
 * asks costs nothing, and it holds nothing that a crash could lose.
 */
export function openChainPool(options: PoolOptions): ChainPool {
  const pool = new Pool(options);
  const reads = Object.fromEntries(
    (Object.keys(READS) as ReadName[]).map((name) => [
      name,
      (...args: never[]) => pool.read(name, args as never),
    ]),
  ) as Pick<ChainPort, ReadName>;
  const port: ChainPort = {
    ...reads,
    chainId: () => pool.chainId(),
    send: (raw) => pool.send(raw),
  };
  return {
    ...port,
    agreed: pool.agreed(port),
    endpoints: () => pool.endpoints.map((endpoint) => endpoint.view()),
  };
}

class Pool {
  readonly endpoints: readonly Endpoint[];
  readonly #readers: readonly Endpoint[];
  readonly #senders: readonly Endpoint[];
  readonly #voters: readonly Endpoint[];
  readonly #needed: number;
  readonly #options: PoolOptions;
  #checkAt = Number.NEGATIVE_INFINITY;

  constructor(options: PoolOptions) {
    const { chain, clock, log, random = Math.random } = options;
    const names = endpointNames(chain.rpc);
    const { chainId } = chain;
    this.endpoints = chain.rpc.map(
      (settings, index) =>
        new Endpoint({ settings, name: names[index]!, chainId, clock, log, random }),
    );
    const having = (role: 'read' | 'send' | 'private') =>
      this.endpoints.filter(({ roles }) => roles.includes(role));
    const relays = having('private');
    this.#readers = having('read');
    this.#senders = relays.length > 0 ? relays : having('send');
    const { needed, voters } = quorumOf(chain);
    this.#needed = needed;
    this.#voters = voters.map((index) => this.endpoints[index]!);
    this.#options = options;
  }

  /** Ours as soon as one endpoint says so; another one's when all say so. */
  async chainId(): Promise<number> {
    if ((await this.#usable(this.endpoints)).length > 0) return this.#options.chain.chainId;
    const wrong = this.endpoints.flatMap(({ wrongChainId }) => wrongChainId ?? []);
    if (wrong.length === this.endpoints.length) return wrong[0]!;
    throw this.#nobody(this.endpoints);
  }

  async read<Name extends ReadName>(
    name: Name,
    args: Parameters<ChainPort[Name]>,
  ): Promise<Awaited<ReturnType<ChainPort[Name]>>> {
    type Answer = Awaited<ReturnType<ChainPort[Name]>>;
    const rule = READS[name] as ReadRule<Name>;
    const height = rule.height?.(args) ?? null;
    const failures: string[] = [];
    let lacking: { answer: Answer } | null = null;
    for (const endpoint of this.#ranked(await this.#usable(this.#readers), height)) {
      try {
        const answer = await endpoint.ask(() => {
          const ask = endpoint.node[name] as (...args: unknown[]) => Promise<Answer>;
          return ask.apply(endpoint.node, args);
        });
        if (name === 'header' && args[0] === 'latest') endpoint.sawHead(headOf(answer));
        if (!(rule.lacks?.(answer, args) ?? false) || !this.#othersMayKnow(endpoint, height))
          return answer;
        lacking ??= { answer };
      } catch (error) {
        if (!(error instanceof EndpointFailure) || error.kind === 'reverted') throw error;
        failures.push(error.message);
      }
    }
    if (lacking !== null) return lacking.answer;
    throw failures.length === 0 ? this.#nobody(this.#readers) : new Transient(failures.join('; '));
  }

  async send(raw: readonly { hash: Hex; bytes: Buffer }[]): Promise<SendAnswer[]> {
    if (raw.length === 0) return [];
    const senders = await this.#usable(this.#senders);
    const [only] = senders;
    if (only === undefined) {
      const { message } = this.#nobody(this.#senders);
      return raw.map(({ hash }) => ({ hash, class: 'unknown', message }));
    }
    if (senders.length === 1) return only.send(raw);
    const answers: SendAnswer[][] = [];
    await new Promise<void>((resolve, reject) => {
      let open = senders.length;
      const heard = (answer: SendAnswer[]) => {
        answers.push(answer);
        open -= 1;
        // Who is slow gets the bytes all the same; nobody waits for its word when it can not matter.
        if (open === 0 || allTaken(answers)) resolve();
      };
      for (const sender of senders) sender.send(raw).then(heard, reject);
    });
    return raw.map((_, index) => mergeSends(answers.map((of) => of[index]!)));
  }

  /** What the nodes that vote agree on; where there is one alone, its word, and nobody's in its place. */
  agreed(reads: ChainPort): ChainPort {
    const others = this.#readers.filter((reader) => reader !== this.#voters[0]);
    if (this.#voters.length === 1 && others.length === 0) return reads;
    const { clock, disputed = () => {} } = this.#options;
    const judge = (names: readonly string[], agrees: boolean) => {
      for (const voter of this.#voters) if (names.includes(voter.name)) voter.judgeVote(agrees);
    };
    return agreedReads({
      reads,
      voters: this.#voters.map((voter) => this.#voterOf(voter)),
      needed: this.#needed,
      clock,
      disputed: (dispute) => {
        if (dispute.settled) judge(dispute.against, false);
        disputed(dispute);
      },
      agreedWith: (names) => judge(names, true),
      undecided: () => {
        // Nothing ends without them: they are looked at sooner than others.
        for (const voter of this.#voters) voter.lookAgain(clock.monotonic());
      },
    });
  }

  #voterOf(endpoint: Endpoint): Voter {
    return {
      name: endpoint.name,
      ask: async (question) => {
        this.#look(this.#options.clock.monotonic());
        // Whoever votes has told its chain first.
        if (endpoint.unseen) await endpoint.probe();
        if (!endpoint.usable) throw new Transient(`not asked: ${endpoint.problem}`);
        return endpoint.ask(() => question(endpoint.node));
      },
    };
  }

  /** Those of these endpoints that are well; when none is, they are looked at first. */
  async #usable(of: readonly Endpoint[]): Promise<Endpoint[]> {
    this.#look(this.#options.clock.monotonic());
    const usable = of.filter((endpoint) => endpoint.usable);
    if (usable.length > 0) return usable;
    const looks = of.map(async (endpoint) => {
      if (!(await endpoint.isWell())) throw new Error(endpoint.problem);
    });
    // The first that is well is enough; that none is, is told by whoever asked.
    await Promise.any(looks).catch(() => {});
    return of.filter((endpoint) => endpoint.usable);
  }

  /** Beside the question that is asked now: nobody waits for it. */
  #look(now: number): void {
    for (const endpoint of this.endpoints) if (endpoint.due(now)) void endpoint.probe();
    if (now < this.#checkAt) return;
    this.#checkAt = now + (this.endpoints.length > 1 ? CHECK_MS.several : CHECK_MS.one);
    void this.#compare();
  }

  /** All that are well at one time, so that their heads can be compared. */
  async #compare(): Promise<void> {
    const asked = this.endpoints.filter((endpoint) => endpoint.usable);
    const heads = await Promise.all(asked.map((endpoint) => endpoint.probe()));
    lagsOf(heads, this.#needed).forEach((lag, index) => {
      if (lag !== null) asked[index]!.judgeLag(lag);
    });
  }

  #ranked(endpoints: Endpoint[], height: number | null): Endpoint[] {
    if (endpoints.length < 2) return endpoints;
    // Stable: of equals the one that was configured first.
    return endpoints
      .map((endpoint) => ({ endpoint, rank: endpoint.rank(height) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ endpoint }) => endpoint);
  }

  #othersMayKnow(asked: Endpoint, height: number | null): boolean {
    return this.#readers.some(
      (other) => other !== asked && (height === null || (other.head ?? -1) >= height),
    );
  }

  #nobody(asked: readonly Endpoint[]): Transient {
    const why = asked.map(({ problem }) => problem);
    return new Transient(
      `no endpoint of chain ${this.#options.chain.id} can be used (${why.join('; ')})`,
    );
  }
}

function headOf(answer: unknown): number {
  return (answer as { number: number } | null)?.number ?? -1;
}
