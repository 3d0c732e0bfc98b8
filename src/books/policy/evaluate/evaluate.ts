import { tellDuration } from '../document/duration.ts';
import type { PolicyTier, Rule, WhenUnscreened } from '../document/types.ts';
import { holdsAt, tellWhen } from './calendar.ts';
import type { CompiledPolicy, CompiledRule, Limit } from './compile.ts';
import { SCREENING_HOLD, screeningDenies, screeningStep } from './screening.ts';
import {
  dimensionOf,
  type HoldDemand,
  type PolicyDecision,
  type PolicySubject,
  type TraceStep,
} from './subject.ts';

/** A limit that the subject is under, and its name in the limit's dimension. */
export type Take = { limit: Limit; name: string };

export type Spent = { amount: bigint; count: number };

/** What was spent before on a limit's meter by who has this name in its dimension, within the limit's span. */
export type Usage = (limit: Limit, name: string, tenantId: string) => Spent;

type Said = Pick<TraceStep, 'verdict' | 'detail'>;

/**
 * What a policy says of a subject at a moment. Every rule is judged; a deny wins, and what no rule allows or no tier
 * takes is denied. Pure: `usage` is what the windows hold.
 */
export function evaluate(
  policy: CompiledPolicy,
  subject: PolicySubject,
  moment: Moment,
): Evaluated {
  return subject.unscreened === null
    ? evaluateRules(policy, subject, moment)
    : evaluateUnscreened(policy, subject, moment);
}

type Moment = { at: number; usage: Usage };
type Evaluated = { decision: PolicyDecision; takes: Take[] };

/**
 * Nobody could be asked about the destination. What would be denied at the lowest risk too is denied; the rest is as
 * its tier says, by default it waits: a provider that is away is no reason to deny for ever.
 */
function evaluateUnscreened(
  policy: CompiledPolicy,
  subject: PolicySubject,
  moment: Moment,
): Evaluated {
  const atBest = evaluateRules(policy, { ...subject, riskScore: 0 }, moment);
  if (atBest.decision.verdict === 'deny') return atBest;
  const evaluated = evaluateRules(policy, subject, moment);
  const { decision, takes } = evaluated;
  const when = decision.tier === null ? 'wait' : decision.whenUnscreened;
  if (when === 'wait') {
    const trace = [...atBest.decision.trace, screeningStep(when, subject)];
    return { decision: { ...atBest.decision, trace, waits: true }, takes: [] };
  }
  const trace = [...decision.trace, screeningStep(when, subject)];
  const holds = when === 'hold' ? [...decision.holds, SCREENING_HOLD] : decision.holds;
  return { decision: { ...decision, trace, holds }, takes };
}

function evaluateRules(
  policy: CompiledPolicy,
  subject: PolicySubject,
  { at, usage }: Moment,
): Evaluated {
  const takes: Take[] = [];
  const trace: TraceStep[] = [];
  const silent: string[] = [];
  const holds: HoldDemand[] = [];
  const denies = screeningDenies(subject);
  if (denies !== null) trace.push({ ...denies, verdict: 'deny' });
  if (subject.lookAlike !== null) {
    trace.push({ rule: '@look_alike', verdict: 'pass', detail: `looks like ${subject.lookAlike}` });
  }
  let allowed = false;
  let tier: PolicyTier | null = null;
  for (const one of policy.rules) {
    const { rule } = one;
    const said = one.matches(subject, at) ? judge(one, subject, { at, usage, takes }) : null;
    if (said === null) {
      silent.push(rule.id);
      continue;
    }
    trace.push({ rule: rule.id, verdict: said.verdict, detail: said.detail });
    if (said.verdict === 'allow') allowed = true;
    if (rule.type === 'hold')
      holds.push({ rule: rule.id, hold: rule.hold, timeoutMs: rule.timeoutMs });
    if (rule.type === 'tiers') tier = tierFor(rule.tiers, subject);
  }
  if (silent.length > 0) trace.push({ rule: '*', verdict: 'no_match', detail: silent.join(' ') });
  if (!allowed) trace.push(unruled(policy, subject));
  if (tier === null) {
    tier = configuredTier(subject);
    const verdict = tier === null ? 'deny' : 'pass';
    trace.push(
      tier === null
        ? { rule: 'default', verdict, detail: 'no tier takes it' }
        : { rule: CONFIGURED, verdict, detail: `tier ${tier.name}` },
    );
  }
  const denied = trace.find(({ verdict }) => verdict === 'deny');
  if (denied !== undefined || tier === null) {
    const reason = `${denied!.rule}: ${denied!.detail}`;
    return { decision: { ...DENIED, reason, trace }, takes: [] };
  }
  const { name, commitAt, waitUntil, approvals, auditSample } = tier;
  const whenUnscreened: WhenUnscreened = tier.whenUnscreened ?? 'wait';
  const level = waitUntil === undefined ? {} : { waitUntil };
  const said = {
    ...{ tier: { name, commitAt, ...level }, approvals, holds, auditSample },
    ...{ waits: false, whenUnscreened },
  };
  return { decision: { verdict: 'allow', ...said, reason: null, trace }, takes };
}

const CONFIGURED = '@configured';

/** What no rule allows is denied; but what a merchant may take is configured, and is so until a rule says otherwise. */
function unruled(policy: CompiledPolicy, subject: PolicySubject): TraceStep {
  return subject.configured === null || policy.opensFor(subject)
    ? { rule: 'default', verdict: 'deny', detail: 'no rule allows it' }
    : { rule: CONFIGURED, verdict: 'allow', detail: 'as the merchant is configured' };
}

/** Of a payment that no rule of tiers takes. */
function configuredTier({ configured }: PolicySubject): PolicyTier | null {
  if (configured === null) return null;
  return { ...configured, upTo: null, maxRisk: null, approvals: null, auditSample: 0 };
}

const DENIED = {
  verdict: 'deny',
  tier: null,
  approvals: null,
  holds: [],
  auditSample: 0,
  waits: false,
  whenUnscreened: 'wait',
} as const;

type Asked = { at: number; usage: Usage; takes: Take[] };

/** Null: a limit by what the subject does not have. */
function judge({ rule, limits }: CompiledRule, subject: PolicySubject, asked: Asked): Said | null {
  switch (rule.type) {
    case 'allow':
      return ALLOW;
    case 'deny':
      return DENY;
    case 'cap': {
      const limit = rule.amounts[subject.asset];
      return limit === undefined ? null : said(subject.amount <= limit, `at most ${limit}`);
    }
    case 'window':
    case 'lifetime':
      return judgeLimits(limits, subject, asked);
    case 'address_book':
      return judgeKnown(rule.coolDownMs, subject, asked.at);
    case 'scope':
      return judgeScope(rule, subject);
    case 'schedule':
      return said(holdsAt(rule.when, asked.at), `only ${tellWhen(rule.when)}`);
    case 'hold':
      return { verdict: 'hold', detail: `${rule.hold}, within ${tellDuration(rule.timeoutMs)}` };
    case 'tiers': {
      const tier = tierFor(rule.tiers, subject);
      return said(tier !== null, tier === null ? 'above every tier' : `tier ${tier.name}`);
    }
  }
}

const ALLOW: Said = { verdict: 'allow', detail: 'allowed' };
const DENY: Said = { verdict: 'deny', detail: 'denied' };

function said(passes: boolean, detail: string): Said {
  return { verdict: passes ? 'pass' : 'deny', detail };
}

/** Base units. Numbers of what this payment would make it. */
function judgeLimits(
  limits: readonly Limit[],
  subject: PolicySubject,
  { usage, takes }: Asked,
): Said | null {
  const told: string[] = [];
  let passes = true;
  for (const limit of limits) {
    if (limit.asset !== null && limit.asset !== subject.asset) continue;
    const name = dimensionOf(subject, limit.meter.per);
    if (name === null) return null;
    takes.push({ limit, name });
    const before = usage(limit, name, subject.tenantId);
    if (limit.amount !== null) {
      const amount = before.amount + subject.amount;
      passes &&= amount <= limit.amount;
      told.push(`${amount} of ${limit.amount}`);
    }
    if (limit.count !== null) {
      const count = before.count + 1;
      passes &&= count <= limit.count;
      told.push(`${count} of ${limit.count} payments`);
    }
  }
  return told.length === 0 ? null : said(passes, told.join(', '));
}

function judgeKnown(coolDownMs: number, { knownSince }: PolicySubject, at: number): Said {
  if (knownSince === null) return said(false, 'not in the address book');
  const open = knownSince + coolDownMs;
  return said(at >= open, `in the address book, open from ${new Date(open).toISOString()}`);
}

function judgeScope(
  rule: Extract<Rule, { type: 'scope' }>,
  { contract, method }: PolicySubject,
): Said {
  const outside =
    rule.methods !== null && !rule.methods.includes(method)
      ? `method ${method}`
      : rule.contracts !== null && (contract === null || !rule.contracts.includes(contract))
        ? `contract ${contract ?? 'none'}`
        : null;
  return said(outside === null, outside === null ? 'within scope' : `${outside} is out of scope`);
}

/** The first tier whose limits both cover it. */
function tierFor(tiers: readonly PolicyTier[], subject: PolicySubject): PolicyTier | null {
  const { asset, amount, riskScore } = subject;
  const fits = ({ upTo, maxRisk }: PolicyTier) => {
    if (maxRisk !== null && (riskScore === null || riskScore > maxRisk)) return false;
    return upTo === null || (upTo[asset] !== undefined && amount <= upTo[asset]);
  };
  return tiers.find(fits) ?? null;
}
