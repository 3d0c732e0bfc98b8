import { type Faults, type Loose, type Requirement, shown } from '../../../base/config/index.ts';
import { type PolicyWorld, readAmounts } from './match.ts';
import type { ApprovalsSection, TierSection } from './schema.ts';
import type { Amounts, Match, PolicyTier } from './types.ts';

type Place = { world: PolicyWorld; path: string; faults: Faults };
type Section = Loose<TierSection>;

/** Reads the tiers of a rule, from the lowest up: each begins where the one before ends. */
export function readTiers(
  sections: readonly (Section | undefined)[],
  match: Match,
  { world, path, faults }: Place,
): PolicyTier[] {
  const { assets } = match;
  if (assets === null) {
    faults.add(path, 'tiers without match.assets', 'match.assets, whose amounts have these tiers');
    return [];
  }
  const before = faults.count;
  const begins: (Amounts | null)[] = [];
  const tiers = sections.map((section = {}, index): PolicyTier => {
    const at = `${path}.tiers[${index}]`;
    begins.push(readAmounts(section.over, { world, assets }, `${at}.over`, faults));
    const { whenUnavailable = 'wait' } = section.screening ?? {};
    return {
      name: section.name ?? '',
      upTo: readAmounts(section.upTo, { world, assets }, `${at}.upTo`, faults),
      maxRisk: section.maxRisk ?? null,
      commitAt: section.commitAt ?? 'finalized',
      approvals: readApprovals(section.approvals ?? {}, { world, path: `${at}.approvals`, faults }),
      auditSample: section.auditSample ?? 0,
      ...(section.waitUntil === undefined ? {} : { waitUntil: section.waitUntil }),
      ...(whenUnavailable === 'wait' ? {} : { whenUnscreened: whenUnavailable }),
    };
  });
  // Between numbers that were not read there is no order.
  if (faults.count === before) {
    tiers.forEach((_, index) => {
      judgeTier({ tiers, begins, sections, index }, `${path}.tiers[${index}]`, faults);
    });
  }
  return tiers;
}

/** Groups are those of the configuration, whose members have keys that the signer knows. */
function readApprovals(
  section: Loose<ApprovalsSection>,
  { world, path, faults }: Place,
): Requirement | null {
  const name = section.all === undefined ? 'any' : 'all';
  const quorums = section[name]?.map((quorum = {}, index) => {
    const { group = '', count = 1 } = quorum;
    const members = world.groups.find(({ id }) => id === group)?.members.length;
    const at = `${path}.${name}[${index}]`;
    if (members === undefined && quorum.group !== undefined) {
      const known = world.groups.map(({ id }) => id).join(', ');
      const groups =
        known === '' ? 'a group of approvers, of which there is none' : `one of ${known}`;
      faults.add(`${at}.group`, shown(group), groups);
    } else if (members !== undefined && count > members) {
      faults.add(
        `${at}.count`,
        `the number ${count}`,
        `at most ${members}, the members of ${group}`,
      );
    }
    return { group, count };
  });
  if (quorums === undefined) return null;
  if (quorums.length === 1) return quorums[0]!;
  return name === 'all' ? { all: quorums } : { any: quorums };
}

type Tiers = {
  tiers: readonly PolicyTier[];
  begins: readonly (Amounts | null)[];
  sections: readonly (Section | undefined)[];
  index: number;
};

/** One asset stands for all: their limits are one number, each in its own unit. */
const anyOf = (amounts: Amounts) => Object.values(amounts)[0]!;

function judgeTier({ tiers, begins, sections, index }: Tiers, at: string, faults: Faults): void {
  const tier = tiers[index]!;
  const before = tiers[index - 1];
  const begin = begins[index] ?? null;
  const text = (place: number, name: 'over' | 'upTo') => shown(sections[place]?.[name]);
  if (tiers.findIndex(({ name }) => name === tier.name) < index) {
    faults.add(`${at}.name`, `${shown(tier.name)} again`, 'each name once');
  }
  if (before === undefined) {
    if (begin === null) return;
    faults.add(`${at}.over`, `${text(index, 'over')}, a gap below the first tier`, 'nothing here');
    return;
  }
  const ends = `${text(index - 1, 'upTo')}, where the tier before ends`;
  if (begin !== null && before.upTo !== null && anyOf(begin) !== anyOf(before.upTo)) {
    const what = anyOf(begin) > anyOf(before.upTo) ? 'a gap' : 'an overlap';
    faults.add(`${at}.over`, `${text(index, 'over')}, ${what} between the tiers`, ends);
  }
  const amount = compare(tier.upTo && anyOf(tier.upTo), before.upTo && anyOf(before.upTo));
  const risk = compare(tier.maxRisk, before.maxRisk);
  if (amount < 0) {
    const found = `${text(index, 'upTo')}, an overlap of the tiers`;
    faults.add(
      `${at}.upTo`,
      found,
      before.upTo === null ? 'no tier after one without upTo' : `at least ${ends}`,
    );
  } else if (risk < 0) {
    const found = `the number ${tier.maxRisk}`;
    faults.add(`${at}.maxRisk`, found, `at least ${before.maxRisk ?? 'none'}, as the tier before`);
  } else if (amount === 0 && risk === 0) {
    faults.add(at, 'what the tier before takes already', 'a higher upTo or a higher maxRisk');
  }
}

/** Null is above all. */
function compare(a: bigint | number | null, b: bigint | number | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
