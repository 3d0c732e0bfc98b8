import type { Sql } from '../../../../base/db/index.ts';
import {
  type CompiledPolicy,
  compilePolicy,
  longestWindowMs,
  type PastDecision,
  type PastSource,
  type Policy,
  PolicyReplay,
  policyVersion,
} from '../../../../books/policy/index.ts';
import { isSame, type Outcome, type Said, saidThen, wouldSay } from './compare.ts';
import { daysOf, type PastSpan, spanOf } from './span.ts';

type Kind = PastDecision['kind'];
type Difference = {
  kind: Kind;
  /** Of the withdrawal or payment. */
  id: string;
  decidedAt: string;
  /** Who pays out, or the merchant's. */
  account: string;
  /** CAIP-19, with the amount in base units. */
  asset: string;
  amountAtomic: string;
  was: Said;
  would: Said;
  /** The rule that would deny or hold it, and why. */
  reason: string | null;
};

export type Simulation = {
  version: string;
  /** Decisions of the days asked for, and those before that only filled the windows. */
  looked: number;
  warmedUp: number;
  /** There were more than may be looked at: the oldest were left out. */
  truncated: boolean;
  /** How many were and would have been what. */
  outcomes: { kind: Kind; was: Outcome; would: Outcome; count: number }[];
  /** Oldest first. */
  differences: Difference[];
  /** There are more differences than are told. */
  more: boolean;
};

type Asked = {
  tenantId: string;
  policy: Policy;
  days: number;
  /** Decisions of each source that are looked at, and differences told. */
  most: number;
  limit: number;
  progress?: (text: string) => void;
};

const PAGE = 500;
/** As far as windows of a document may reach; what a lifetime cap counts begins here too. */
const FOREVER_MS = 400 * 86_400_000;

/**
 * What a document would have said of a tenant's withdrawals and payments: each is asked at the moment of its decision, in
 * their order, with what was known of its parties then, and takes from windows what the document would have allowed. What
 * ended unpaid gives back when it did. Only reads; other requests run between its pages.
 */
export async function simulatePolicy(
  sources: readonly PastSource[],
  sql: Sql,
  { tenantId, policy, days, most, limit, progress = () => {} }: Asked,
): Promise<Simulation> {
  const version = policyVersion(policy);
  const compiled = compilePolicy(version, policy);
  const warmUpMs = longestWindowMs(compiled) ?? FOREVER_MS;
  const reach = await daysOf(sql, { days, warmUpMs });
  const feeds: Feed[] = [];
  for (const source of sources) {
    const span = await spanOf(source, sql, { ...reach, tenantId, most });
    feeds.push(new Feed(source, span, { sql, tenantId, policy: compiled }));
  }
  const total = feeds.reduce((sum, { span }) => sum + span.total, 0);
  const truncated = feeds.some(({ span }) => span.truncated);
  const replay = new PolicyReplay(compiled);
  const past = new Past();
  const tally = new Tally(limit);
  let seen = 0;
  for await (const { row, since } of inOrder(feeds)) {
    const { decision, approvals, giveBack } = row.ask(replay, past.at(row.decidedAt));
    if (row.endedAt !== null) past.add(row.endedAt, giveBack);
    if (row.id >= since) tally.add(row, saidThen(row.was), wouldSay(decision, approvals));
    seen += 1;
    if (seen % PAGE === 0) progress(`${seen} of ${total} withdrawals and payments`);
  }
  return { version, warmedUp: seen - tally.looked, truncated, ...tally.told() };
}

/** The decisions of one source, a page at a time. */
class Feed {
  readonly span: PastSpan;
  readonly #source: PastSource;
  readonly #of: { sql: Sql; tenantId: string; policy: CompiledPolicy };
  #page: PastDecision[] = [];
  #place = 0;
  #after: string;
  #ended = false;

  constructor(
    source: PastSource,
    span: PastSpan,
    of: { sql: Sql; tenantId: string; policy: CompiledPolicy },
  ) {
    this.#source = source;
    this.span = span;
    this.#of = of;
    this.#after = span.after;
  }

  /** The next one, which stays the next until it is taken; undefined: there is none. */
  async next(): Promise<PastDecision | undefined> {
    if (this.#place === this.#page.length && !this.#ended) {
      const { sql, tenantId, policy } = this.#of;
      const page = { tenantId, policy, after: this.#after, limit: PAGE };
      this.#page = await this.#source.read(sql, page);
      this.#place = 0;
      this.#ended = this.#page.length < PAGE;
      this.#after = this.#page.at(-1)?.id ?? this.#after;
    }
    return this.#page[this.#place];
  }

  take(): void {
    this.#place += 1;
  }
}

/** By the time of their decisions, so that they take from one window as they did. */
async function* inOrder(
  feeds: readonly Feed[],
): AsyncGenerator<{ row: PastDecision; since: string }> {
  for (;;) {
    let first: { feed: Feed; row: PastDecision } | undefined;
    for (const feed of feeds) {
      const row = await feed.next();
      if (row && (first === undefined || row.decidedAt < first.row.decidedAt))
        first = { feed, row };
    }
    if (first === undefined) return;
    first.feed.take();
    yield { row: first.row, since: first.feed.span.since };
  }
}

/** Time, which does not go back, and what is given back in it. */
class Past {
  #now = 0;
  /** The next one last. */
  readonly #ends: { at: number; giveBack(): void }[] = [];

  add(at: number, giveBack: () => void): void {
    const place = this.#ends.findLastIndex((end) => end.at >= at);
    this.#ends.splice(place + 1, 0, { at, giveBack });
  }

  at(moment: number): number {
    this.#now = Math.max(this.#now, moment);
    while ((this.#ends.at(-1)?.at ?? Number.POSITIVE_INFINITY) <= this.#now) {
      this.#ends.pop()!.giveBack();
    }
    return this.#now;
  }
}

class Tally {
  looked = 0;
  readonly #limit: number;
  readonly #counts = new Map<string, Simulation['outcomes'][number]>();
  readonly #differences: Difference[] = [];
  #more = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(row: PastDecision, was: Said, { reason, ...would }: ReturnType<typeof wouldSay>): void {
    this.looked += 1;
    const { kind } = row;
    const key = `${kind} ${was.outcome} ${would.outcome}`;
    const count = this.#counts.get(key)?.count ?? 0;
    this.#counts.set(key, { kind, was: was.outcome, would: would.outcome, count: count + 1 });
    if (isSame(was, would)) return;
    if (this.#differences.length === this.#limit) {
      this.#more = true;
      return;
    }
    const { id, account, asset, amount, decidedAt } = row;
    const decided = new Date(decidedAt).toISOString();
    const amountAtomic = amount.toString();
    const told = { kind, id, decidedAt: decided, account, asset, amountAtomic };
    this.#differences.push({ ...told, was, would, reason });
  }

  told(): Pick<Simulation, 'looked' | 'outcomes' | 'differences' | 'more'> {
    return {
      looked: this.looked,
      outcomes: [...this.#counts.values()],
      differences: this.#differences,
      more: this.#more,
    };
  }
}
