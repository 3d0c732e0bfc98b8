import { ANY, kindsOf, opensPayments } from '../document/match.ts';
import type { Dimension, Kind, Match, Policy, Rule } from '../document/types.ts';
import { holdsAt } from './calendar.ts';
import { type Judge, judgeOf } from './judge.ts';
import { type Limit, limitsOf, type Meter } from './limit.ts';
import type { PolicySubject } from './subject.ts';

type CompiledRule = { rule: Rule; judge: Judge; limits: readonly Limit[] };

/** A rule that may match subjects of one kind and asset: asks for nothing that is the same for all of them. */
type NearRule = CompiledRule & {
  matches(subject: PolicySubject, at: number): boolean;
  /** Whether it matches at some time. */
  mayMatch(subject: PolicySubject): boolean;
};

/** What a policy has to say of one kind and asset: most rules are about another. */
type About = {
  rules: readonly NearRule[];
  /** The ids of all others, in a line. */
  silent: string;
  /** What limits count by, and whether one of them may count a subject. */
  dimensions: readonly { per: Dimension; counts(subject: PolicySubject): boolean }[];
};

export type CompiledPolicy = {
  version: string;
  about(subject: PolicySubject): About;
  limits: readonly Limit[];
  /** By key. */
  meters: ReadonlyMap<string, Meter>;
  /** A rule of it asks whether a destination looks like a known one. */
  asksLookAlike: boolean;
  /** A rule of it asks since when a destination is in the address book. */
  asksKnown: boolean;
  /** A rule of it is about payments; else the configuration decides about all of them. */
  judgesPayments: boolean;
  /** Whether a rule says which payments of this merchant are allowed: then no other ones are. */
  opensFor(subject: PolicySubject): boolean;
};

/** A policy made ready for many subjects. */
export function compilePolicy(version: string, policy: Policy): CompiledPolicy {
  const meters = new Map<string, Meter>();
  const rules = policy.rules.map((rule): CompiledRule => {
    const limits = limitsOf(rule, meters);
    return { rule, judge: judgeOf(rule, limits), limits };
  });
  const limits = rules.flatMap((rule) => rule.limits);
  const asksLookAlike = policy.rules.some(({ match }) => match.lookAlike !== undefined);
  const asksKnown = policy.rules.some(({ type }) => type === 'address_book');
  const judgesPayments = policy.rules.some((rule) => kindsOf(rule).includes('payment'));
  const opens = policy.rules.filter(opensPayments).map(({ match: { tenants, merchants } }) => {
    return matcherOf({ ...ANY, tenants, merchants });
  });
  const opensFor = (subject: PolicySubject) => opens.some((covers) => covers(subject));
  const about = rememberedAbout(rules);
  const asks = { asksLookAlike, asksKnown, judgesPayments };
  return { version, about, limits, meters, ...asks, opensFor };
}

function rememberedAbout(rules: readonly CompiledRule[]): CompiledPolicy['about'] {
  const known = new Map<string, Map<string, About>>();
  return ({ kind, asset }) => {
    const ofKind = known.get(kind) ?? new Map<string, About>();
    const found = ofKind.get(asset) ?? aboutOf(rules, kind, asset);
    known.set(kind, ofKind.set(asset, found));
    return found;
  };
}

/** One more id in a line of them. */
export const listed = (ids: string, id: string) => (ids === '' ? id : `${ids} ${id}`);

function aboutOf(rules: readonly CompiledRule[], kind: Kind, asset: string): About {
  const near: NearRule[] = [];
  let silent = '';
  for (const one of rules) {
    const { match, id } = one.rule;
    if (!kindsOf(one.rule).includes(kind) || match.assets?.includes(asset) === false) {
      silent = listed(silent, id);
      continue;
    }
    const { when } = match;
    const mayMatch = matcherOf({ ...match, kinds: null, assets: null });
    const matches: NearRule['matches'] =
      when === null ? mayMatch : (subject, at) => mayMatch(subject) && holdsAt(when, at);
    near.push({ ...one, mayMatch, matches });
  }
  return { rules: near, silent, dimensions: dimensionsOf(near, asset) };
}

function dimensionsOf(rules: readonly NearRule[], of: string): About['dimensions'] {
  const checks = new Map<Dimension, Check[]>();
  for (const { limits, mayMatch } of rules) {
    for (const { meter, asset } of limits) {
      if (asset !== null && asset !== of) continue;
      checks.set(meter.per, [...(checks.get(meter.per) ?? []), mayMatch]);
    }
  }
  return [...checks].map(([per, any]) => ({
    per,
    counts: (subject) => any.some((check) => check(subject)),
  }));
}

type Check = (subject: PolicySubject) => boolean;

const LISTS = [
  ['kinds', 'kind'],
  ['assets', 'asset'],
  ['tenants', 'tenant'],
  ['accounts', 'account'],
  ['chains', 'chain'],
  ['wallets', 'wallet'],
  ['destinations', 'destination'],
  ['merchants', 'merchant'],
  ['endpoints', 'endpoint'],
  ['spenders', 'spender'],
] as const;

function matcherOf(match: Match): Check {
  const checks: Check[] = [];
  for (const [list, member] of LISTS) {
    const allowed = match[list];
    if (allowed === null) continue;
    const set = new Set<string | null>(allowed);
    checks.push((subject) => set.has(subject[member]));
  }
  const { over, riskOver, riskCategories, lookAlike } = match;
  if (riskCategories !== undefined) {
    const set = new Set<string | null>(riskCategories);
    checks.push(({ riskCategory }) => set.has(riskCategory));
  }
  if (over !== null) {
    checks.push(({ asset, amount }) => over[asset] !== undefined && amount > over[asset]);
  }
  if (riskOver !== null) {
    checks.push(({ riskScore }) => riskScore === null || riskScore > riskOver);
  }
  if (lookAlike !== undefined) {
    checks.push((subject) => (subject.lookAlike !== null) === lookAlike);
  }
  return (subject) => {
    for (const check of checks) if (!check(subject)) return false;
    return true;
  };
}
