import type { Assets, Settings } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { readKnownAt, type Screened } from '../../../books/destination/index.ts';
import {
  compilePolicy,
  denied,
  longestWindowMs,
  type Policy,
  PolicyReplay,
  policyVersion,
} from '../../../books/policy/index.ts';
import { requirementsOf } from '../approval/ask.ts';
import { subjectsOf } from '../judge.ts';
import { type Outcome, type Said, saidThen, wouldSay } from './compare.ts';
import { type PastRow, readPast, spanOf } from './rows.ts';

type Difference = {
  withdrawalId: string;
  decidedAt: string;
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
  /** Withdrawals of the days asked for, and those before that only filled the windows. */
  looked: number;
  warmedUp: number;
  /** There were more than may be looked at: the oldest were left out. */
  truncated: boolean;
  /** How many were and would have been what. */
  outcomes: { was: Outcome; would: Outcome; count: number }[];
  /** Oldest first. */
  differences: Difference[];
  /** There are more differences than are told. */
  more: boolean;
};

type Context = {
  assets: Assets;
  settings: Pick<Settings, 'chains' | 'guard' | 'lanes' | 'screening'>;
};
type Asked = {
  tenantId: string;
  policy: Policy;
  days: number;
  /** Withdrawals looked at, and differences told. */
  most: number;
  limit: number;
  progress?: (text: string) => void;
};

const PAGE = 500;
/** As far as windows of a document may reach; what a lifetime cap counts begins here too. */
const FOREVER_MS = 400 * 86_400_000;

/**
 * What a document would have said of a tenant's withdrawals: each is asked at the moment of its decision, in their
 * order, with what was known of its destination then, and takes from windows what the document would have allowed. What
 * ended unpaid gives back when it did. Only reads; other requests run between its pages.
 */
export async function simulatePolicy(
  context: Context,
  sql: Sql,
  { tenantId, policy, days, most, limit, progress = () => {} }: Asked,
): Promise<Simulation> {
  const version = policyVersion(policy);
  const compiled = compilePolicy(version, policy);
  const warmUpMs = longestWindowMs(compiled) ?? FOREVER_MS;
  const span = await spanOf(sql, { tenantId, days, warmUpMs, most });
  const replay = new PolicyReplay(compiled);
  const past = new Past();
  const tally = new Tally(limit);
  let seen = 0;
  for (let after = span.after; ; ) {
    const rows = await readPast(sql, { tenantId, after, limit: PAGE });
    const subjects = await subjectsThen(context, sql, rows, compiled);
    rows.forEach((row, index) => {
      const at = past.at(row.decidedAt);
      const subject = subjects.get(index);
      const { decision, giveBack } = subject === undefined ? UNKNOWN : replay.decide(subject, at);
      if (row.endedAt !== null) past.add(row.endedAt, giveBack);
      if (row.id >= span.since) {
        const threshold = requirementsOf(context, row).length > 0;
        tally.add(row, saidThen(row), wouldSay(decision, threshold));
      }
    });
    seen += rows.length;
    progress(`${seen} of ${span.total} withdrawals`);
    if (rows.length < PAGE) break;
    after = rows.at(-1)!.id;
  }
  const { truncated } = span;
  return { version, warmedUp: seen - tally.looked, truncated, ...tally.told() };
}

const UNKNOWN = {
  decision: denied([], { rule: 'asset', detail: 'the asset is not configured' }),
  giveBack: () => {},
};

/** By place; what is of no configured asset has none. */
async function subjectsThen(
  context: Context,
  sql: Sql,
  rows: readonly PastRow[],
  policy: ReturnType<typeof compilePolicy>,
) {
  const known = rows.flatMap((row, place) =>
    context.assets.find(row.asset) === undefined ? [] : { ...row, place },
  );
  const since = await readKnownAt(
    sql,
    known.map(({ recipient: address, decidedAt: at, ...row }) => ({ ...row, address, at })),
  );
  const screened = new Map(
    known.flatMap((row): [PastRow, Screened][] =>
      row.inputs?.screening === undefined ? [] : [[row, row.inputs.screening]],
    ),
  );
  const now = await subjectsOf(context, sql, known, {
    screened,
    policy: { ...policy, asksLookAlike: false },
  });
  return new Map(
    known.map(({ place, inputs }, index) => [
      place,
      { ...now[index]!, knownSince: since[index]!, lookAlike: inputs?.lookAlike ?? null },
    ]),
  );
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

  add(row: PastRow, was: Said, { reason, ...would }: ReturnType<typeof wouldSay>): void {
    this.looked += 1;
    const key = `${was.outcome} ${would.outcome}`;
    const count = this.#counts.get(key)?.count ?? 0;
    this.#counts.set(key, { was: was.outcome, would: would.outcome, count: count + 1 });
    if (was.outcome === would.outcome && was.tier === would.tier) return;
    if (this.#differences.length === this.#limit) {
      this.#more = true;
      return;
    }
    const { id: withdrawalId, account, asset, amount, decidedAt } = row;
    const decided = new Date(decidedAt).toISOString();
    const amountAtomic = amount.toString();
    const told = { withdrawalId, decidedAt: decided, account, asset, amountAtomic };
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
