import { canonical } from '../document/canonical.ts';
import { kindsOf, opensPayments } from '../document/match.ts';
import type { Amounts, Match, Policy, Rule, RuleOf } from '../document/types.ts';
import { type Effect, listReach, REACHES, type Reach, whenReach } from './reach.ts';
import { tiersEffect } from './tiers.ts';

/** One difference of two documents. `field` '' is the rule as a whole; `rule` '*' is the document as a whole. */
export type Difference = { rule: string; field: string; effect: Effect; detail: string };

/** `effect`: loosening where anything is; `tightens`: something is, whatever else there is. */
export type PolicyDiff = { effect: Effect; tightens: boolean; differences: Difference[] };

type Type = Rule['type'];
type Field<T extends Type> = Exclude<keyof RuleOf<T>, 'id' | 'type' | 'match'>;
type Judge<Value> = (from: Value, to: Value) => Effect;

/** By type and field: one that a rule gets without a line here does not compile. What is not known is loosening. */
const JUDGES: { [T in Type]: { [F in Field<T>]: Judge<RuleOf<T>[F]> } } = {
  allow: {},
  deny: {},
  cap: { amounts: amountsEffect },
  window: { windowMs: spanEffect, per: otherEffect, amounts: amountsEffect, count: limitEffect },
  lifetime: { per: otherEffect, amounts: amountsEffect, count: limitEffect },
  address_book: { coolDownMs: (from, to) => limitEffect(to, from) },
  scope: { contracts: listEffect, methods: listEffect },
  schedule: { when: (from, to) => permits(whenReach(from, to)) },
  hold: {
    hold: otherEffect,
    // Denied when it is over.
    timeoutMs: limitEffect,
    onTimeout: otherEffect,
  },
  tiers: { tiers: tiersEffect },
};

/**
 * Every rule of two documents against each other, by their ids. `from` null: no document ruled. Pure, and sure on
 * one side only: what it calls tightening permits nothing that was not permitted.
 */
export function classify(from: Policy | null, to: Policy): PolicyDiff {
  if (from === null) {
    const detail = 'the first document: nothing to compare it with';
    return {
      effect: 'loosening',
      tightens: true,
      differences: [{ rule: '*', field: '', effect: 'loosening', detail }],
    };
  }
  const before = new Map(from.rules.map((rule) => [rule.id, rule]));
  const after = new Map(to.rules.map((rule) => [rule.id, rule]));
  const differences = [
    ...from.rules.flatMap((rule) => {
      const now = after.get(rule.id);
      return now === undefined ? [removed(rule)] : compare(rule, now);
    }),
    ...to.rules.flatMap((rule) => (before.has(rule.id) ? [] : [added(rule)])),
    ...orderOfTiers(from, to),
  ];
  const has = (effect: Effect) => differences.some((one) => one.effect === effect);
  const tightens = has('tightening');
  return {
    effect: has('loosening') ? 'loosening' : tightens ? 'tightening' : 'neutral',
    tightens,
    differences,
  };
}

function removed(rule: Rule): Difference {
  const closes = rule.type === 'allow' && !opensPayments(rule);
  const effect = closes ? 'tightening' : 'loosening';
  return { rule: rule.id, field: '', effect, detail: `${rule.type} is gone` };
}

/** Of several rules of tiers that match the last one decides: a further one may be the laxer. */
function added(rule: Rule): Difference {
  const effect = rule.type === 'allow' || rule.type === 'tiers' ? 'loosening' : 'tightening';
  return { rule: rule.id, field: '', effect, detail: `${rule.type} is new` };
}

function orderOfTiers(from: Policy, to: Policy): Difference[] {
  const order = ({ rules }: Policy, other: Policy) =>
    rules.flatMap(({ id, type }) =>
      type === 'tiers' && other.rules.some((rule) => rule.id === id && rule.type === type)
        ? [id]
        : [],
    );
  if (order(from, to).join() === order(to, from).join()) return [];
  const detail = 'the rules of tiers have another order, and the last one that matches decides';
  return [{ rule: '*', field: 'order', effect: 'loosening', detail }];
}

function compare(from: Rule, to: Rule): Difference[] {
  if (from.type !== to.type) return [removed(from), added(to)];
  return [...compareMatch(from, to), ...compareFields(from, to)];
}

function compareFields(from: Rule, to: Rule): Difference[] {
  const { id, type } = to;
  const judges = JUDGES[type] as Record<string, Judge<unknown>>;
  const values = (rule: Rule) => rule as unknown as Record<string, unknown>;
  return Object.entries(judges).flatMap(([field, judge]): Difference[] => {
    const [was, is] = [values(from)[field], values(to)[field]];
    if (canonical(was) === canonical(is)) return [];
    return [{ rule: id, field, effect: judge(was, is), detail: told(was, is) }];
  });
}

function compareMatch(from: Rule, to: Rule): Difference[] {
  return (Object.keys(REACHES) as (keyof Match)[]).flatMap((member): Difference[] => {
    const [was, is] = [memberOf(from, member), memberOf(to, member)];
    if (canonical(was) === canonical(is)) return [];
    const reach = (REACHES[member] as (from: unknown, to: unknown) => Reach)(was, is);
    const effect = movesDefault(from, to, member) ? 'loosening' : matchEffect(to.type, reach);
    return [{ rule: to.id, field: `match.${member}`, effect, detail: told(was, is) }];
  });
}

/** Kinds as they are meant, whether or not the rule says them. */
function memberOf(rule: Rule, member: keyof Match) {
  return member === 'kinds' ? [...kindsOf(rule)].sort() : (rule.match[member] ?? null);
}

/** A merchant that no rule opens any more goes by the configuration again. */
function movesDefault(from: Rule, to: Rule, member: keyof Match): boolean {
  const names = member === 'kinds' || member === 'merchants' || member === 'tenants';
  return names && (opensPayments(from) || opensPayments(to));
}

function matchEffect(type: Type, reach: Reach): Effect {
  switch (type) {
    case 'allow':
      return permits(reach);
    // What was spent is remembered by what a limit is about: about anything else it begins at nothing.
    case 'window':
    case 'lifetime':
    // Where a rule of tiers does not match any more another one may take the payment.
    case 'tiers':
      return 'loosening';
    default:
      return reach === 'same' ? 'neutral' : reach === 'wider' ? 'tightening' : 'loosening';
  }
}

function permits(reach: Reach): Effect {
  return reach === 'same' ? 'neutral' : reach === 'narrower' ? 'tightening' : 'loosening';
}

function listEffect(from: readonly string[] | null, to: readonly string[] | null): Effect {
  return permits(listReach(from, to));
}

/** The most that may be; null: as much as one likes. */
function limitEffect(from: bigint | number | null, to: bigint | number | null): Effect {
  if (from === to) return 'neutral';
  return to === null || (from !== null && to > from) ? 'loosening' : 'tightening';
}

/** An asset without an amount has no limit. */
function amountsEffect(from: Amounts | null, to: Amounts | null): Effect {
  const assets = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  const effects = new Set(
    [...assets].map((asset) => limitEffect(from?.[asset] ?? null, to?.[asset] ?? null)),
  );
  return effects.has('loosening')
    ? 'loosening'
    : effects.has('tightening')
      ? 'tightening'
      : 'neutral';
}

/** A window of another length forgets what was spent in the old one. */
function spanEffect(from: number, to: number): Effect {
  return from === to ? 'neutral' : 'loosening';
}

function otherEffect(from: unknown, to: unknown): Effect {
  return from === to ? 'neutral' : 'loosening';
}

const MOST_TOLD = 200;

function told(from: unknown, to: unknown): string {
  const show = (value: unknown) => {
    const text = value === null ? 'any' : canonical(value);
    return text.length > MOST_TOLD ? `${text.slice(0, MOST_TOLD)}…` : text;
  };
  return `${show(from)} → ${show(to)}`;
}
