import { ANY, kindsOf, opensPayments } from '../document/match.ts';
import type { Dimension, Match, Policy, Rule } from '../document/types.ts';
import { holdsAt } from './calendar.ts';
import { type Judge, judgeOf } from './judge.ts';
import { type Limit, limitsOf, type Meter } from './limit.ts';
import type { PolicySubject } from './subject.ts';

type CompiledRule = {
  rule: Rule;
  judge: Judge;
  matches(subject: PolicySubject, at: number): boolean;
  /** Whether it matches at some time. */
  mayMatch(subject: PolicySubject): boolean;
  limits: readonly Limit[];
};

export type CompiledPolicy = {
  version: string;
  rules: readonly CompiledRule[];
  limits: readonly Limit[];
  /** By key. */
  meters: ReadonlyMap<string, Meter>;
  /** What limits count by, and whether one of them may count a subject. */
  dimensions: readonly { per: Dimension; counts(subject: PolicySubject): boolean }[];
  /** A rule of it asks whether a destination looks like a known one. */
  asksLookAlike: boolean;
  /** A rule of it is about payments; else the configuration decides about all of them. */
  judgesPayments: boolean;
  /** Whether a rule says which payments of this merchant are allowed: then no other ones are. */
  opensFor(subject: PolicySubject): boolean;
};

/** A policy made ready for many subjects. */
export function compilePolicy(version: string, policy: Policy): CompiledPolicy {
  const meters = new Map<string, Meter>();
  const rules = policy.rules.map((rule): CompiledRule => {
    const { when } = rule.match;
    const mayMatch = matcherOf({ ...rule.match, kinds: kindsOf(rule) });
    const matches: CompiledRule['matches'] =
      when === null ? mayMatch : (subject, at) => mayMatch(subject) && holdsAt(when, at);
    const limits = limitsOf(rule, meters);
    return { rule, judge: judgeOf(rule, limits), mayMatch, matches, limits };
  });
  const limits = rules.flatMap((rule) => rule.limits);
  const asksLookAlike = policy.rules.some(({ match }) => match.lookAlike !== undefined);
  const judgesPayments = policy.rules.some((rule) => kindsOf(rule).includes('payment'));
  const opens = policy.rules.filter(opensPayments).map(({ match: { tenants, merchants } }) => {
    return matcherOf({ ...ANY, tenants, merchants });
  });
  const opensFor = (subject: PolicySubject) => opens.some((covers) => covers(subject));
  const dimensions = dimensionsOf(rules);
  return { version, rules, limits, meters, dimensions, asksLookAlike, judgesPayments, opensFor };
}

function dimensionsOf(rules: readonly CompiledRule[]): CompiledPolicy['dimensions'] {
  const checks = new Map<Dimension, Check[]>();
  for (const { limits, mayMatch } of rules) {
    for (const { meter, asset } of limits) {
      const check: Check = (subject) =>
        (asset === null || asset === subject.asset) && mayMatch(subject);
      checks.set(meter.per, [...(checks.get(meter.per) ?? []), check]);
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
