import type { EndpointRole, EndpointSettings } from '../../config/index.ts';
import { type Clock, type Hex, type Log, messageOf } from '../../kernel/index.ts';
import { EndpointFailure, type FailureKind } from '../failure.ts';
import { NodeChain } from '../node.ts';
import type { SendAnswer } from '../port.ts';
import { RpcClient } from '../rpc.ts';
import { Gate } from './gate.ts';
import {
  afterAnswer,
  afterProbe,
  type EndpointState,
  type Health,
  newHealth,
  type SeenHead,
  stateOf,
  withLatency,
} from './health.ts';

type EndpointOptions = {
  settings: EndpointSettings;
  name: string;
  chainId: number;
  clock: Clock;
  log: Log;
  random: () => number;
};

/** What an operator sees of an endpoint; nothing of it can hold a key. */
export type EndpointView = {
  name: string;
  host: string;
  roles: readonly EndpointRole[];
  state: EndpointState;
  /** Wall clock. */
  since: Date;
  head: number | null;
  lag: number | null;
  latencyMs: number | null;
  errorRate: number;
  lastFailure: FailureKind | null;
  wrongChainId: number | null;
};

const MAX_CONCURRENT = 32;
const MAX_BATCH = 100;
const TIMEOUT_MS = { read: 10_000, send: 10_000, logs: 30_000 };
/** Between two looks at an endpoint while there is no other one to ask. */
const SOONEST_MS = 250;
/** And while a quorum lacks its vote. */
const WANTED_MS = 1_000;

/** One endpoint of a pool: its client behind its limits, and what is known of its health. */
export class Endpoint {
  readonly name: string;
  readonly roles: readonly EndpointRole[];
  readonly node: NodeChain;
  readonly #rpc: RpcClient;
  readonly #gate: Gate;
  readonly #options: EndpointOptions;
  #health: Health = newHealth();
  #problem: string | null = null;
  #state: EndpointState = 'open';
  #since: Date;
  #probing: Promise<SeenHead | null> | null = null;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** It said something else than enough others agreed on, and has not agreed since. */
  #outvoted = false;

  constructor(options: EndpointOptions) {
    const { settings, name, clock } = options;
    const requestsPerSecond = settings.requestsPerSecond ?? null;
    const burst = settings.burst ?? requestsPerSecond ?? Number.POSITIVE_INFINITY;
    this.name = name;
    this.roles = settings.roles;
    this.#options = options;
    this.#since = new Date(clock.now());
    this.#gate = new Gate({
      name,
      requestsPerSecond,
      burst,
      maxConcurrent: settings.maxConcurrent ?? MAX_CONCURRENT,
      clock,
    });
    this.#rpc = new RpcClient({
      url: settings.url,
      clock,
      timeoutMs: { ...TIMEOUT_MS, ...settings.timeoutMs },
      maxBatch: Math.min(settings.maxBatch ?? MAX_BATCH, burst),
      enter: (calls) => this.#gate.enter(calls),
      answered: (ms) => {
        this.#health = withLatency(this.#health, ms);
      },
    });
    this.node = new NodeChain(this.#rpc);
  }

  /** Knows its chain, and its circuit is closed. */
  get usable(): boolean {
    return this.#health.circuit === 'closed';
  }

  get head(): number | null {
    return this.#health.head;
  }

  get wrongChainId(): number | null {
    return this.#health.wrongChainId;
  }

  /** Why it is not usable. */
  get problem(): string {
    const { wrongChainId } = this.#health;
    return wrongChainId === null
      ? (this.#problem ?? `${this.name} was not asked yet`)
      : `${this.name} is on chain id ${wrongChainId}`;
  }

  /** Nobody has looked at it yet. */
  get unseen(): boolean {
    return this.#problem === null && !this.usable && this.wrongChainId === null;
  }

  /** Smaller is asked first. */
  rank(height: number | null): number {
    const behind = height !== null && (this.#health.head ?? height) < height;
    const wrong = (this.#outvoted ? 8 : 0) + (this.#state === 'degraded' ? 4 : 0);
    return wrong + (behind ? 2 : 0) + (this.#gate.free ? 0 : 1);
  }

  /** Asked last by those who ask one endpoint only, until it agrees with the others again. */
  judgeVote(agrees: boolean): void {
    this.#outvoted = !agrees;
  }

  /** Throws what the question throws; its failure is remembered. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      const answer = await question();
      this.#heard(null);
      return answer;
    } catch (error) {
      if (error instanceof EndpointFailure) this.#heard(error.kind, error.message);
      throw error;
    }
  }

  async send(raw: readonly { hash: Hex; bytes: Buffer }[]): Promise<SendAnswer[]> {
    const answers = await this.node.send(raw);
    // One lost answer among others is a fault of its own; it is not the endpoint that is gone.
    const gone = answers.every(({ failure }) => failure !== undefined) ? answers[0] : undefined;
    this.#heard(gone?.failure ?? null, gone?.message);
    return answers;
  }

  sawHead(number: number): void {
    if (number > (this.#health.head ?? -1)) this.#health = { ...this.#health, head: number };
  }

  /** Behind the others by so much, all asked at one time. */
  judgeLag({ lag, lagging }: { lag: number; lagging: boolean }): void {
    this.#become({ ...this.#health, lag, lagging });
  }

  /** Its circuit is open, and it is time to look whether it is well again. */
  due(now: number): boolean {
    return !this.usable && this.#probing === null && now >= this.#health.probeAt;
  }

  /** Whether it is well now; asks it, but not more often than a few times a second. */
  async isWell(): Promise<boolean> {
    const { clock } = this.#options;
    const rest = this.#probedAt + SOONEST_MS - clock.monotonic();
    if (this.#probing === null && rest > 0) await clock.sleep(rest);
    if (!this.usable) await this.probe();
    return this.usable;
  }

  /** Before its back-off is over, since the others can not do without it. */
  lookAgain(now: number): void {
    if (!this.usable && now - this.#probedAt >= WANTED_MS) void this.probe();
  }

  /** Asks which chain it is on and how far it has come: its head, or null. Never throws; one look at a time. */
  probe(): Promise<SeenHead | null> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = null;
    });
    return this.#probing;
  }

  async #probe(): Promise<SeenHead | null> {
    const { clock, chainId, random } = this.#options;
    this.#probedAt = clock.monotonic();
    let head: SeenHead | null = null;
    let answer: Parameters<typeof afterProbe>[1];
    try {
      const identity = await this.node.identify();
      head = identity.chainId === chainId ? identity.head : null;
      answer = { chainId: identity.chainId, head: identity.head?.number ?? null };
    } catch (error) {
      // Nobody waits for a look, so nothing may be thrown to nobody.
      answer = error instanceof EndpointFailure ? error.kind : 'malformed';
      this.#problem = messageOf(error);
    }
    const at = { now: clock.monotonic(), random, chainId };
    this.#become(afterProbe(this.#health, answer, at));
    return head;
  }

  #heard(failure: FailureKind | null, message?: string | null): void {
    const { clock, random } = this.#options;
    if (failure !== null) this.#problem = message ?? failure;
    this.#become(afterAnswer(this.#health, failure, { now: clock.monotonic(), random }));
  }

  #become(health: Health): void {
    this.#health = health;
    const state = stateOf(health);
    if (state === this.#state) return;
    const from = this.#state;
    this.#state = state;
    this.#since = new Date(this.#options.clock.now());
    this.#tell(from);
  }

  #tell(from: EndpointState): void {
    const { chainId, log } = this.#options;
    const { wrongChainId, lastFailure } = this.#health;
    const fields = { chainId, endpoint: this.name, from, to: this.#state };
    if (this.#state === 'wrong_chain') {
      log.error(
        { ...fields, code: 'endpoint_wrong_chain', found: wrongChainId },
        'an endpoint is on another chain: it is not used',
      );
    } else if (this.#state === 'open') {
      log.warn({ ...fields, failure: lastFailure }, 'an endpoint is left alone');
    } else if (from === 'healthy' || from === 'degraded') {
      log.debug(fields, 'an endpoint is used first, or last');
    } else log.info(fields, 'an endpoint is used');
  }

  view(): EndpointView {
    const { head, lag, latencyMs, errorRate, lastFailure, wrongChainId } = this.#health;
    return {
      name: this.name,
      host: this.#rpc.host,
      roles: this.roles,
      state: this.#state,
      since: this.#since,
      head,
      lag: head === null ? null : lag,
      latencyMs: latencyMs === null ? null : Math.round(latencyMs),
      errorRate: Math.round(errorRate * 100) / 100,
      lastFailure,
      wrongChainId,
    };
  }
}
