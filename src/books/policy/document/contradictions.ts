import type { Faults } from '../../../base/config/index.ts';
import { tellDuration } from './duration.ts';
import { kindsOf } from './match.ts';
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
export function judgeTogether(all: readonly Placed[], faults: Faults): void {
  const rules = all.map(({ rule, path }): Placed => {
    return { rule: { ...rule, match: { ...rule.match, kinds: kindsOf(rule) } }, path };
  });
  const of = <Type extends Rule['type']>(type: Type) =>
    rules.filter((one): one is Placed<RuleOf<Type>> => one.rule.type === type);
  judgeIds(rules, faults);
  for (const one of rules) judgeMembers(one, faults);
  for (const one of of('hold')) judgeHold(one, faults);
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

const MISSING = {
  withdrawal: ['merchants', 'endpoints', 'spenders'],
  payment: ['accounts'],
} as const;

/** A rule that names what nothing that it is about has would never match. */
function judgeMembers({ rule: { match }, path }: Placed, faults: Faults): void {
  const [kind, ...others] = match.kinds ?? [];
  if (kind === undefined || others.length > 0) return;
  for (const member of MISSING[kind]) {
    if (match[member] === null) continue;
    const found = `${member} of a rule about ${kind}s`;
    faults.add(`${path}.match.${member}`, found, `no ${member}: a ${kind} has none`);
  }
}

/** Of what would be held nothing would be taken. */
function judgeHold({ rule, path }: Placed<RuleOf<'hold'>>, faults: Faults): void {
  if (!kindsOf(rule).includes('payment')) return;
  const expected =
    'approvals in a tiers rule about payments, which ask persons above an amount, or a deny or a cap: payments are not held';
  faults.add(path, 'a hold of payments', expected);
}

function judgeAllowed(
  allow: Placed<RuleOf<'allow'>>,
  deny: Placed<RuleOf<'deny'>>,
  faults: Faults,
): void {
  const [ours, theirs] = [allow.rule.match, deny.rule.match];
  const twice = (['destinations', 'spenders'] as const).flatMap((list) => {
    const both = canMeet(ours, theirs) ? shared(ours, theirs, list) : undefined;
    return both === undefined ? [] : [{ list, both }];
  });
  for (const { list, both } of twice) {
    const one = list.slice(0, -1);
    const found = `${one} ${both}, which "${deny.rule.id}" denies`;
    faults.add(`${allow.path}.match.${list}`, found, `each ${one} allowed or denied`);
  }
  if (twice.length === 0 && covers(theirs, ours)) {
    const found = `what "${deny.rule.id}" denies as a whole`;
    faults.add(allow.path, found, 'an allow that can apply: a deny always wins');
  }
}

function judgeTiers(
  tiers: readonly Placed<RuleOf<'tiers'>>[],
  allows: readonly Placed<RuleOf<'allow'>>[],
  faults: Faults,
): void {
  for (const { rule, path } of tiers) {
    const index = rule.tiers.findIndex(({ waitUntil }) => waitUntil !== undefined);
    if (index < 0 || kindsOf(rule).includes('payment')) continue;
    const expected = 'nothing here: only who is paid by x402 is told of a success';
    faults.add(`${path}.tiers[${index}].waitUntil`, 'waitUntil of withdrawals', expected);
  }
  eachPair(tiers, (first, second) => {
    const asset = shared(first.rule.match, second.rule.match, 'assets');
    if (asset === undefined || !canMeet(first.rule.match, second.rule.match)) return;
    const found = `tiers of ${asset}, an overlap with those of "${first.rule.id}"`;
    faults.add(second.path, found, 'one set of tiers for what can be asked');
  });
  for (const { rule, path } of allows) {
    // Payments have the tiers of the configuration.
    if (!kindsOf(rule).includes('withdrawal')) continue;
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
