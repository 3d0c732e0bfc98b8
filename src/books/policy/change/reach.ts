import { canonical } from '../document/canonical.ts';
import type { Amounts, Match, When } from '../document/types.ts';

/** What a difference does to what may be paid. */
export type Effect = 'tightening' | 'loosening' | 'neutral';

/** How what a rule is about compares with what it was about before. */
export type Reach = 'same' | 'narrower' | 'wider' | 'other';

/** By the members of a match: one that is added here without a line does not compile. */
export const REACHES: {
  [Member in keyof Match]-?: (from: Match[Member], to: Match[Member]) => Reach;
} = {
  kinds: listReach,
  tenants: listReach,
  accounts: listReach,
  assets: listReach,
  chains: listReach,
  wallets: listReach,
  destinations: listReach,
  merchants: listReach,
  endpoints: listReach,
  spenders: listReach,
  over: overReach,
  riskOver: (from, to) => orderOf(to ?? Number.NEGATIVE_INFINITY, from ?? Number.NEGATIVE_INFINITY),
  when: whenReach,
  lookAlike: flagReach,
  riskCategories: (from, to) => listReach(from ?? null, to ?? null),
};

/** Null: any. */
export function listReach(from: readonly string[] | null, to: readonly string[] | null): Reach {
  if (from === null || to === null)
    return from === to ? 'same' : to === null ? 'wider' : 'narrower';
  const [before, after] = [new Set(from), new Set(to)];
  const lost = from.some((one) => !after.has(one));
  const won = to.some((one) => !before.has(one));
  return lost ? (won ? 'other' : 'narrower') : won ? 'wider' : 'same';
}

/** Undefined, or null as it is compared: either way. */
function flagReach(from?: boolean | null, to?: boolean | null): Reach {
  const [before, after] = [from ?? null, to ?? null];
  if (before === after) return 'same';
  return after === null ? 'wider' : before === null ? 'narrower' : 'other';
}

/** The higher the amount that must be exceeded, the fewer payments; an asset that is not named has none. */
function overReach(from: Amounts | null, to: Amounts | null): Reach {
  if (from === null || to === null)
    return from === to ? 'same' : to === null ? 'wider' : 'narrower';
  const assets = new Set([...Object.keys(from), ...Object.keys(to)]);
  return joined(
    [...assets].map((asset) => {
      const [before, after] = [from[asset], to[asset]];
      if (before === undefined || after === undefined)
        return before === undefined ? 'wider' : 'narrower';
      return orderOf(after, before);
    }),
  );
}

/** `a` against `b`, where the greater one reaches less. */
function orderOf<T extends bigint | number>(a: T, b: T): Reach {
  return a === b ? 'same' : a > b ? 'narrower' : 'wider';
}

/** Null: at any time. Zones are not compared: another one is other. */
export function whenReach(from: When | null, to: When | null): Reach {
  if (from === null || to === null)
    return from === to ? 'same' : to === null ? 'wider' : 'narrower';
  if (canonical(from) === canonical(to)) return 'same';
  if (from.timeZone !== to.timeZone) return 'other';
  return joined([
    listReach(from.days, to.days),
    listReach(from.dates, to.dates),
    // What is taken out: the more, the less is left.
    turned(listReach(from.exceptDates ?? [], to.exceptDates ?? [])),
    listReach(minutesOf(from), minutesOf(to)),
  ]);
}

const DAY = 1_440;

/** Null: all of the day. Over midnight where `to` is the earlier. */
function minutesOf({ from, to }: When): string[] | null {
  if (from === null && to === null) return null;
  const [begin, end] = [from ?? 0, to ?? DAY];
  const length = begin > end ? end + DAY - begin : end - begin;
  return Array.from({ length }, (_, index) => String((begin + index) % DAY));
}

function turned(reach: Reach): Reach {
  return reach === 'narrower' ? 'wider' : reach === 'wider' ? 'narrower' : reach;
}

/** Of several conditions that must all hold. */
function joined(reaches: readonly Reach[]): Reach {
  const moved = new Set(reaches.filter((reach) => reach !== 'same'));
  const [only] = moved;
  return moved.size === 0 ? 'same' : moved.size === 1 ? only! : 'other';
}
