import type { Faults } from '../../../base/config/index.ts';
import { tellDuration } from './duration.ts';
import type { Match, Rule, RuleOf } from './types.ts';

const LISTS = [
  'kinds',
  'tenants',
  'accounts',
  'assets',
  'chains',
  'wallets',
  'destinations',
  'merchants',
  'endpoints',
  'spenders',
] as const satisfies readonly (keyof Match)[];

type Placed<R extends Rule = Rule> = { rule: R; path: string };

/** What can not be meant by rules each of which is well by itself. */
export function judgeTogether(rules: readonly Placed[], faults: Faults): void {
  const of = <Type extends Rule['type']>(type: Type) =>
    rules.filter((one): one is Placed<RuleOf<Type>> => one.rule.type === type);
  judgeIds(rules, faults);
  for (const deny of of('deny')) {
    for (const allow of of('allow')) judgeAllowed(allow, deny, faults);
  }
  judgeTiers(of('tiers'), of('allow'), faults);
  eachPair(of('window'), (first, second) => judgeLimits(first, second, faults));
  eachPair(of('lifetime'), (first, second) => judgeLimits(first, second, faults));
}

function judgeIds(rules: readonly Placed[], faults: Faults): void {
  const seen = new Set<string>();
  for (const { rule, path } of rules) {
    if (rule.id !== '' && seen.has(rule.id)) {
      faults.add(`${path}.id`, `"${rule.id}" again`, 'each id once');
    }
    seen.add(rule.id);
  }
}

function judgeAllowed(
  allow: Placed<RuleOf<'allow'>>,
  deny: Placed<RuleOf<'deny'>>,
  faults: Faults,
): void {
  const [ours, theirs] = [allow.rule.match, deny.rule.match];
  const both = shared(ours, theirs, 'destinations');
  if (both !== undefined && canMeet(ours, theirs)) {
    const found = `destination ${both}, which "${deny.rule.id}" denies`;
    faults.add(`${allow.path}.match.destinations`, found, 'each destination allowed or denied');
  } else if (covers(theirs, ours)) {
    const found = `what "${deny.rule.id}" denies as a whole`;
    faults.add(allow.path, found, 'an allow that can apply: a deny always wins');
  }
}

function judgeTiers(
  tiers: readonly Placed<RuleOf<'tiers'>>[],
  allows: readonly Placed<RuleOf<'allow'>>[],
  faults: Faults,
): void {
  eachPair(tiers, (first, second) => {
    const asset = shared(first.rule.match, second.rule.match, 'assets');
    if (asset === undefined || !canMeet(first.rule.match, second.rule.match)) return;
    const found = `tiers of ${asset}, an overlap with those of "${first.rule.id}"`;
    faults.add(second.path, found, 'one set of tiers for what can be asked');
  });
  for (const { rule, path } of allows) {
    for (const asset of rule.match.assets ?? []) {
      const some = tiers.some(({ rule: { match } }) => match.assets?.includes(asset));
      if (some) continue;
      const found = `${asset}, a gap: no tiers have it`;
      faults.add(`${path}.match.assets`, found, 'tiers for each asset: without one all is denied');
    }
  }
}

function judgeLimits(
  first: Placed<RuleOf<'window' | 'lifetime'>>,
  second: Placed<RuleOf<'window' | 'lifetime'>>,
  faults: Faults,
): void {
  const [a, b] = [first.rule, second.rule];
  if (a.per !== b.per) return;
  if (a.type === 'window' && b.type === 'window' && a.windowMs !== b.windowMs) return;
  const sameUnit =
    (a.amounts !== null && b.amounts !== null) || (a.count !== null && b.count !== null);
  const asset = shared(a.match, b.match, 'assets');
  const anyAsset = a.match.assets === null && b.match.assets === null;
  if (!sameUnit || (asset === undefined && !anyAsset)) return;
  if (!sameButAssets(a.match, b.match)) return;
  const span = a.type === 'window' ? `window of ${tellDuration(a.windowMs)}` : 'lifetime cap';
  const found = `a ${span} per ${a.per} of ${asset ?? 'any asset'}, as "${a.id}"`;
  faults.add(second.path, found, 'one limit of its kind, per and asset');
}

function eachPair<T>(list: readonly T[], look: (first: T, second: T) => void): void {
  list.forEach((first, index) => {
    for (const second of list.slice(index + 1)) look(first, second);
  });
}

function shared(a: Match, b: Match, name: (typeof LISTS)[number]): string | undefined {
  const theirs = new Set<string>(b[name] ?? []);
  return a[name]?.find((value) => theirs.has(value));
}

/** False: no request is matched by both. Calendars, amounts and scores are taken to meet. */
function canMeet(a: Match, b: Match): boolean {
  return LISTS.every(
    (name) => a[name] === null || b[name] === null || shared(a, b, name) !== undefined,
  );
}

/** Whatever `narrow` matches, `wide` matches too. */
function covers(wide: Match, narrow: Match): boolean {
  if (wide.over !== null || wide.riskOver !== null || wide.when !== null) return false;
  if (wide.riskCategories !== undefined || wide.lookAlike !== undefined) return false;
  return LISTS.every((name) => {
    const list: readonly string[] | null = wide[name];
    return list === null || (narrow[name]?.every((value) => list.includes(value)) ?? false);
  });
}

function sameButAssets(a: Match, b: Match): boolean {
  const text = (match: Match) =>
    JSON.stringify({ ...match, assets: null }, (_key, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
  return text(a) === text(b);
}
