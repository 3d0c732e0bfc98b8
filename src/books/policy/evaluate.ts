import type { AssetSettings, Tier } from '../../base/config/index.ts';

type PolicyInput = { asset: AssetSettings; amount: bigint };

export type PolicyDecision = {
  verdict: 'allow' | 'deny';
  tier: Tier | null;
  trace: { rule: string; verdict: 'allow' | 'deny' | 'no_match'; detail: string }[];
};

/** The tier that decides for an amount: the first whose upTo covers it. Null: there is none, and no tier is a denial. */
export function tierOf({ asset, amount }: PolicyInput): Tier | null {
  return asset.tiers.find((tier) => tier.upTo === null || amount <= tier.upTo) ?? null;
}

/**
 * What policy says of a payment: the asset's tiers, in order, and the first whose upTo covers the
 * amount decides. No tier: deny. Pure; amounts in base units.
 */
export function evaluate(input: PolicyInput): PolicyDecision {
  const trace: PolicyDecision['trace'] = [];
  for (const tier of input.asset.tiers) {
    const covers = tier.upTo === null || input.amount <= tier.upTo;
    trace.push({
      rule: `tier:${tier.name}`,
      verdict: covers ? 'allow' : 'no_match',
      detail: tier.upTo === null ? 'covers any amount' : `up to ${tier.upTo} base units`,
    });
    if (covers) return { verdict: 'allow', tier, trace };
  }
  trace.push({ rule: 'default', verdict: 'deny', detail: 'no tier covers the amount' });
  return { verdict: 'deny', tier: null, trace };
}
