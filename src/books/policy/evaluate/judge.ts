import { tellDuration } from '../document/duration.ts';
import type { PolicyTier, Rule, RuleOf } from '../document/types.ts';
import { holdsAt, tellWhen } from './calendar.ts';
import type { Limit } from './limit.ts';
import { dimensionOf, type PolicySubject, type TraceStep } from './subject.ts';

export type Spent = { amount: bigint; count: number };

/** What was spent before on a limit's meter by who has this name in its dimension, within the limit's span. */
export type Usage<S extends Spent = Spent> = (limit: Limit, name: string, tenantId: string) => S;

/** A limit that the subject is under, its name in the limit's dimension, and what was spent before. */
export type Take<S extends Spent> = { limit: Limit; name: string; before: S };

type Asked<S extends Spent> = { at: number; usage: Usage<S>; takes: Take<S>[] };

/** What a rule says of a subject that it matches; null: a limit by what the subject does not have. */
export type Judge = <S extends Spent>(subject: PolicySubject, asked: Asked<S>) => TraceStep | null;

/** A rule made ready: what it can say in words that do not depend on the subject is put together once. */
export function judgeOf(rule: Rule, limits: readonly Limit[]): Judge {
  switch (rule.type) {
    case 'allow':
      return always({ rule: rule.id, verdict: 'allow', detail: 'allowed' });
    case 'deny':
      return always({ rule: rule.id, verdict: 'deny', detail: 'denied' });
    case 'cap':
      return capJudge(rule);
    case 'window':
    case 'lifetime':
      return limitsJudge(rule.id, limits);
    case 'address_book':
      return ({ knownSince }, { at }) => judgeKnown(rule, knownSince, at);
    case 'scope':
      return scopeJudge(rule);
    case 'schedule': {
      const { pass, deny } = said(rule.id, `only ${tellWhen(rule.when)}`);
      return (_subject, { at }) => (holdsAt(rule.when, at) ? pass : deny);
    }
    case 'hold': {
      const detail = `${rule.hold}, within ${tellDuration(rule.timeoutMs)}`;
      return always({ rule: rule.id, verdict: 'hold', detail });
    }
    case 'tiers':
      return tiersJudge(rule);
  }
}

const always =
  (step: TraceStep): Judge =>
  () =>
    step;

/** Both verdicts in the same words. */
function said(rule: string, detail: string): Record<'pass' | 'deny', TraceStep> {
  return { pass: { rule, verdict: 'pass', detail }, deny: { rule, verdict: 'deny', detail } };
}

function capJudge({ id, amounts }: RuleOf<'cap'>): Judge {
  const caps = new Map(
    Object.entries<bigint>(amounts).map(([asset, limit]) => {
      return [asset, { limit, ...said(id, `at most ${limit}`) }];
    }),
  );
  return ({ asset, amount }) => {
    const cap = caps.get(asset);
    if (cap === undefined) return null;
    return amount <= cap.limit ? cap.pass : cap.deny;
  };
}

/** Base units. Numbers of what this payment would make it. */
function limitsJudge(rule: string, limits: readonly Limit[]): Judge {
  const ready = limits.map((limit) => {
    return { limit, ofAmount: ` of ${limit.amount}`, ofCount: ` of ${limit.count} payments` };
  });
  return (subject, { usage, takes }) => {
    let detail = '';
    let passes = true;
    for (const { limit, ofAmount, ofCount } of ready) {
      if (limit.asset !== null && limit.asset !== subject.asset) continue;
      const name = dimensionOf(subject, limit.meter.per);
      if (name === null) return null;
      const before = usage(limit, name, subject.tenantId);
      takes.push({ limit, name, before });
      if (limit.amount !== null) {
        const amount = before.amount + subject.amount;
        passes &&= amount <= limit.amount;
        detail += `${detail === '' ? '' : ', '}${amount}${ofAmount}`;
      }
      if (limit.count !== null) {
        const count = before.count + 1;
        passes &&= count <= limit.count;
        detail += `${detail === '' ? '' : ', '}${count}${ofCount}`;
      }
    }
    return detail === '' ? null : { rule, verdict: passes ? 'pass' : 'deny', detail };
  };
}

function judgeKnown(
  { id, coolDownMs }: RuleOf<'address_book'>,
  knownSince: number | null,
  at: number,
): TraceStep {
  if (knownSince === null) return said(id, 'not in the address book').deny;
  const open = knownSince + coolDownMs;
  const { pass, deny } = said(id, `in the address book, open from ${new Date(open).toISOString()}`);
  return at >= open ? pass : deny;
}

function scopeJudge({ id, methods, contracts }: RuleOf<'scope'>): Judge {
  const within = said(id, 'within scope').pass;
  return ({ contract, method }) => {
    const outside =
      methods !== null && !methods.includes(method)
        ? `method ${method}`
        : contracts !== null && (contract === null || !contracts.includes(contract))
          ? `contract ${contract ?? 'none'}`
          : null;
    return outside === null ? within : said(id, `${outside} is out of scope`).deny;
  };
}

function tiersJudge({ id, tiers }: RuleOf<'tiers'>): Judge {
  const none = said(id, 'above every tier').deny;
  const taken = new Map(tiers.map((tier) => [tier, said(id, `tier ${tier.name}`).pass]));
  return (subject) => {
    const tier = tierFor(tiers, subject);
    return tier === null ? none : taken.get(tier)!;
  };
}

/** The first tier whose limits both cover it. */
export function tierFor(
  tiers: readonly PolicyTier[],
  { asset, amount, riskScore }: PolicySubject,
): PolicyTier | null {
  const fits = ({ upTo, maxRisk }: PolicyTier) => {
    if (maxRisk !== null && (riskScore === null || riskScore > maxRisk)) return false;
    return upTo === null || (upTo[asset] !== undefined && amount <= upTo[asset]);
  };
  return tiers.find(fits) ?? null;
}
