import { sha256Hex } from '../../../base/kernel/index.ts';
import { canonical } from '../document/canonical.ts';
import type { Amounts, Dimension, Rule, RuleOf } from '../document/types.ts';

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

export function limitsOf(rule: Rule, meters: Map<string, Meter>): Limit[] {
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
