import type { Requirement } from '../../../base/config/index.ts';
import type { PolicyTier } from '../document/types.ts';
import type { Effect } from './reach.ts';

/** An asset that no tier names. */
const OTHER = '*';

/**
 * Compares by what every payment gets: tiers are steps of amount and risk, so all that can differ shows at the ends
 * of the steps and just above them.
 */
export function tiersEffect(from: readonly PolicyTier[], to: readonly PolicyTier[]): Effect {
  const both = [...from, ...to];
  const assets = new Set([OTHER, ...both.flatMap(({ upTo }) => Object.keys(upTo ?? {}))]);
  const ends = both.flatMap(({ maxRisk }) => (maxRisk === null ? [] : [maxRisk]));
  const risks = [null, 0, ...ends.flatMap((end) => [end, end + 1e-6])];
  let tightens = false;
  for (const asset of assets) {
    const limits = both.flatMap(({ upTo }) => upTo?.[asset] ?? []);
    const amounts = [1n, ...limits.flatMap((limit) => [limit, limit + 1n])];
    for (const amount of amounts) {
      for (const risk of risks) {
        const effect = outcomeEffect(
          tierAt(from, asset, amount, risk),
          tierAt(to, asset, amount, risk),
        );
        if (effect === 'loosening') return effect;
        tightens ||= effect === 'tightening';
      }
    }
  }
  return tightens ? 'tightening' : 'neutral';
}

function tierAt(
  tiers: readonly PolicyTier[],
  asset: string,
  amount: bigint,
  risk: number | null,
): PolicyTier | null {
  const fits = ({ upTo, maxRisk }: PolicyTier) =>
    (maxRisk === null || (risk !== null && risk <= maxRisk)) &&
    (upTo === null || (upTo[asset] !== undefined && amount <= upTo[asset]));
  return tiers.find(fits) ?? null;
}

/** No tier is a denial: nothing is stricter. */
function outcomeEffect(from: PolicyTier | null, to: PolicyTier | null): Effect {
  if (from === null || to === null)
    return from === to ? 'neutral' : to === null ? 'tightening' : 'loosening';
  if (!isAsStrict(to, from)) return 'loosening';
  return isAsStrict(from, to) ? 'neutral' : 'tightening';
}

function isAsStrict(one: PolicyTier, other: PolicyTier): boolean {
  return (
    (one.commitAt === 'finalized' || other.commitAt === 'safe') &&
    levelOf(one) >= levelOf(other) &&
    one.auditSample >= other.auditSample &&
    strictness(one) >= strictness(other) &&
    implies(one.approvals, other.approvals)
  );
}

/** Success is told from the later of this and the configuration's level on. */
function levelOf({ waitUntil = 'included' }: PolicyTier): number {
  return ['included', 'safe', 'finalized'].indexOf(waitUntil);
}

/** Without a word of screening: a clock that waits for it, a person, nothing. */
function strictness({ whenUnscreened }: PolicyTier): number {
  return whenUnscreened === undefined ? 2 : whenUnscreened === 'hold' ? 1 : 0;
}

/** The least that satisfies it: group → how many, one for each way. */
type Way = ReadonlyMap<string, number>;

/** Above it a requirement counts as unknown. */
const MOST_WAYS = 2_000;

/** Whoever satisfies `one` satisfies `other`: each way of it has as many of each group as some way of the other. */
function implies(one: Requirement | null, other: Requirement | null): boolean {
  if (other === null) return true;
  const ways = one === null ? [new Map<string, number>()] : waysOf(one);
  const wanted = waysOf(other);
  if (ways === null || wanted === null) return false;
  return ways.every((way) => wanted.some((least) => hasAllOf(way, least)));
}

function hasAllOf(way: Way, least: Way): boolean {
  return [...least].every(([group, count]) => (way.get(group) ?? 0) >= count);
}

function waysOf(wanted: Requirement): Way[] | null {
  if ('group' in wanted) return [new Map([[wanted.group, wanted.count]])];
  if ('any' in wanted) {
    const ways = wanted.any.map(waysOf);
    return ways.some((part) => part === null) ? null : ways.flatMap((part) => part!);
  }
  let together: Way[] = [new Map()];
  for (const part of wanted.all.map(waysOf)) {
    if (part === null || together.length * part.length > MOST_WAYS) return null;
    together = together.flatMap((way) => part.map((more) => sum(way, more)));
  }
  return together;
}

/** Each part has places of its own, as approvals are counted: one of a group and one of it again are two persons. */
function sum(one: Way, other: Way): Way {
  const both = new Map(one);
  for (const [group, count] of other) both.set(group, count + (both.get(group) ?? 0));
  return both;
}
