import type { AssetSettings, Tier } from '../../../base/config/index.ts';
import { screeningDenies, screeningStep } from './screening.ts';
import type { PolicyDecision, PolicySubject, TraceStep } from './subject.ts';

type PolicyInput = { asset: AssetSettings; amount: bigint };
/** What screening says; nothing where nobody is asked. */
type Risk = Pick<PolicySubject, 'riskCategory' | 'unscreened'>;
const UNASKED: Risk = { riskCategory: null, unscreened: null };

/** The tier that decides for an amount: the first whose upTo covers it. Null: there is none, and no tier is a denial. */
export function tierOf({ asset, amount }: PolicyInput): Tier | null {
  return asset.tiers.find((tier) => tier.upTo === null || amount <= tier.upTo) ?? null;
}

const NOTHING_ASKED = {
  ...{ approvals: null, holds: [], auditSample: 0, waits: false },
  whenUnscreened: 'wait',
} as const;

/**
 * What the configuration says of a payment where no document rules: the asset's tiers, in order, and the first
 * whose upTo covers the amount decides. No tier: deny. What screening can not say is waited for. Pure; amounts in base
 * units.
 */
export function evaluateTiers(input: PolicyInput, risk = UNASKED): PolicyDecision {
  const denies = screeningDenies(risk);
  if (denies !== null) return denied([], denies);
  const waits = risk.unscreened !== null;
  const trace: TraceStep[] = waits ? [screeningStep('wait', risk)] : [];
  for (const tier of input.asset.tiers) {
    const covers = tier.upTo === null || input.amount <= tier.upTo;
    trace.push({
      rule: `tier:${tier.name}`,
      verdict: covers ? 'allow' : 'no_match',
      detail: tier.upTo === null ? 'covers any amount' : `up to ${tier.upTo} base units`,
    });
    if (covers) return { ...NOTHING_ASKED, waits, verdict: 'allow', tier, reason: null, trace };
  }
  return denied(trace, { rule: 'default', detail: 'no tier covers the amount' });
}

/** What is denied before any rule is asked. */
export function denied(
  before: readonly TraceStep[],
  { rule, detail }: Pick<TraceStep, 'rule' | 'detail'>,
): PolicyDecision {
  const trace = [...before, { rule, verdict: 'deny' as const, detail }];
  return { ...NOTHING_ASKED, verdict: 'deny', tier: null, reason: detail, trace };
}
