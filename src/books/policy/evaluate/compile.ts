import { sha256Hex } from '../../../base/kernel/index.ts';
import { canonical } from '../document/canonical.ts';
import { ANY, kindsOf, opensPayments } from '../document/match.ts';
import type { Amounts, Dimension, Match, Policy, Rule, RuleOf } from '../document/types.ts';
import { holdsAt } from './calendar.ts';
import type { PolicySubject } from './subject.ts';

/**
 * What is added up: payments that a match lets through, per dimension and asset. A limit that changes only its number
 * keeps its meter, and so what was spent before.
 */
export type Meter = {
  key: string;
  per: Dimension;
  /** Of how many ms a bucket is; null: one bucket for ever. */
  bucketMs: number | null;
  /** Null: for ever. Another length has other buckets, so it is another meter. */
  windowMs: number | null;
};

/** One number of a rule that may not be exceeded: of an asset's amount, or of payments. */
export type Limit = {
  ruleId: string;
  meter: Meter;
  /** Null: of every asset that the rule matches. */
  asset: string | null;
  amount: bigint | null;
  count: number | null;
};

export type CompiledRule = {
  rule: Rule;
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
    return { rule, mayMatch, matches, limits: limitsOf(rule, meters) };
  });
  const limits = rules.flatMap((rule) => rule.limits);
  const asksLookAlike = policy.rules.some(({ match }) => match.lookAlike !== undefined);
  const judgesPayments = policy.rules.some((rule) => kindsOf(rule).includes('payment'));
  const opens = policy.rules.filter(opensPayments).map(({ match: { tenants, merchants } }) => {
    return matcherOf({ ...ANY, tenants, merchants });
  });
  const opensFor = (subject: PolicySubject) => opens.some((covers) => covers(subject));
  return { version, rules, limits, meters, asksLookAlike, judgesPayments, opensFor };
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

function limitsOf(rule: Rule, meters: Map<string, Meter>): Limit[] {
  if (rule.type !== 'window' && rule.type !== 'lifetime') return [];
  const { match, amounts, count } = rule;
  // Counting payments of one asset and adding up their amounts is done on one meter.
  const only = match.assets?.length === 1 ? match.assets[0]! : null;
  const limit = (asset: string | null, more: Pick<Limit, 'amount' | 'count'>): Limit => {
    return { ruleId: rule.id, asset, ...more, meter: meterOf(rule, asset, meters) };
  };
  const ofAmounts = Object.entries<bigint>(amounts ?? ({} as Amounts)).map(([asset, amount]) =>
    limit(asset, { amount, count: asset === only ? count : null }),
  );
  if (count === null || ofAmounts.some((one) => one.count !== null)) return ofAmounts;
  return [...ofAmounts, limit(only, { amount: null, count })];
}

/** A window forgets by buckets of a 48th of its length: budget comes back that much late at most, never early. */
const BUCKETS = 48;

function meterOf(
  rule: RuleOf<'window' | 'lifetime'>,
  asset: string | null,
  meters: Map<string, Meter>,
): Meter {
  const { match, per } = rule;
  const windowMs = rule.type === 'window' ? rule.windowMs : null;
  const bucketMs = windowMs === null ? null : Math.max(1_000, Math.ceil(windowMs / BUCKETS));
  const key = sha256Hex(canonical({ match, per, windowMs, asset })).slice(0, 16);
  const known = meters.get(key);
  if (known !== undefined) return known;
  const meter = { key, per, bucketMs, windowMs };
  meters.set(key, meter);
  return meter;
}
