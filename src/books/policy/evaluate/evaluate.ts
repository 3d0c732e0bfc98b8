import type { PolicyTier, WhenUnscreened } from '../document/types.ts';
import { type CompiledPolicy, listed } from './compile.ts';
import { type Spent, type Take, tierFor, type Usage } from './judge.ts';
import { SCREENING_HOLD, screeningDenies, screeningStep } from './screening.ts';
import type { HoldDemand, PolicyDecision, PolicySubject, TraceStep } from './subject.ts';

/**
 * What a policy says of a subject at a moment. Every rule is judged; a deny wins, and what no rule allows or no tier
 * takes is denied. Pure: `usage` is what the windows hold.
 */
export function evaluate<S extends Spent>(
  policy: CompiledPolicy,
  subject: PolicySubject,
  moment: Moment<S>,
): Evaluated<S> {
  return subject.unscreened === null
    ? evaluateRules(policy, subject, moment)
    : evaluateUnscreened(policy, subject, moment);
}

type Moment<S extends Spent> = { at: number; usage: Usage<S> };
type Evaluated<S extends Spent> = { decision: PolicyDecision; takes: Take<S>[] };

/**
 * Nobody could be asked about the destination. What would be denied at the lowest risk too is denied; the rest is as
 * its tier says, by default it waits: a provider that is away is no reason to deny for ever.
 */
function evaluateUnscreened<S extends Spent>(
  policy: CompiledPolicy,
  subject: PolicySubject,
  moment: Moment<S>,
): Evaluated<S> {
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

function evaluateRules<S extends Spent>(
  policy: CompiledPolicy,
  subject: PolicySubject,
  { at, usage }: Moment<S>,
): Evaluated<S> {
  const takes: Take<S>[] = [];
  const trace: TraceStep[] = [];
  const about = policy.about(subject);
  let { silent } = about;
  const holds: HoldDemand[] = [];
  const denies = screeningDenies(subject);
  if (denies !== null) trace.push({ ...denies, verdict: 'deny' });
  if (subject.lookAlike !== null) {
    trace.push({ rule: '@look_alike', verdict: 'pass', detail: `looks like ${subject.lookAlike}` });
  }
  let allowed = false;
  let tier: PolicyTier | null = null;
  for (const one of about.rules) {
    const { rule } = one;
    const said = one.matches(subject, at) ? one.judge(subject, { at, usage, takes }) : null;
    if (said === null) {
      silent = listed(silent, rule.id);
      continue;
    }
    trace.push(said);
    if (said.verdict === 'allow') allowed = true;
    if (rule.type === 'hold')
      holds.push({ rule: rule.id, hold: rule.hold, timeoutMs: rule.timeoutMs });
    if (rule.type === 'tiers') tier = tierFor(rule.tiers, subject);
  }
  if (silent !== '') trace.push({ rule: '*', verdict: 'no_match', detail: silent });
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
