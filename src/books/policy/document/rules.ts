import { type Faults, given, type Loose, shown } from '../../../base/config/index.ts';
import { parseDuration } from './duration.ts';
import { ANY, type PolicyWorld, readAddresses, readAmounts, readMatch } from './match.ts';
import type { RuleSections } from './schema.ts';
import { readTiers } from './tiers.ts';
import type { Match, Rule } from './types.ts';
import { readWhen } from './when.ts';

type Section<Type extends keyof RuleSections> = Omit<Loose<RuleSections[Type]>, 'type'>;
/** What is left of a rule of any type when its faulty values are taken out. */
type RuleSection = {
  [Type in keyof RuleSections]: Section<Type> & { type: Type };
}[keyof RuleSections];

type Place = { world: PolicyWorld; path: string; faults: Faults };

/** Long enough to hear of an address that one did not add. */
const COOL_DOWN_MS = 86_400_000;

/** Reads the meaning of a rule whose shape fits. The result counts only without faults. */
export function readRule(section: RuleSection, place: Place): Rule {
  const { world, path, faults } = place;
  const match =
    section.match === undefined ? ANY : readMatch(section.match, world, `${path}.match`, faults);
  const base = { id: section.id ?? '', match };
  switch (section.type) {
    case 'allow':
    case 'deny':
      return { ...base, type: section.type };
    case 'cap':
      return { ...base, type: 'cap', amounts: amountsOf(section.amount, match, place) ?? {} };
    case 'window':
      return {
        ...base,
        type: 'window',
        windowMs: durationOf(section.window, `${path}.window`, faults),
        ...readLimit(section, match, place),
      };
    case 'lifetime':
      return { ...base, type: 'lifetime', ...readLimit(section, match, place) };
    case 'address_book':
      return {
        ...base,
        type: 'address_book',
        coolDownMs:
          section.coolDown === undefined
            ? COOL_DOWN_MS
            : durationOf(section.coolDown, `${path}.coolDown`, faults),
      };
    case 'scope':
      return { ...base, ...readScope(section, place) };
    case 'schedule':
      return {
        ...base,
        type: 'schedule',
        when: readWhen(section.when ?? {}, `${path}.when`, faults),
      };
    case 'hold':
      return {
        ...base,
        type: 'hold',
        hold: section.hold ?? 'manual_review',
        timeoutMs: durationOf(section.timeout, `${path}.timeout`, faults),
        onTimeout: 'deny',
      };
    case 'tiers':
      return { ...base, type: 'tiers', tiers: readTiers(section.tiers ?? [], match, place) };
  }
}

function readLimit(
  section: Pick<Section<'lifetime'>, 'per' | 'amount' | 'count'>,
  match: Match,
  place: Place,
): Pick<Extract<Rule, { type: 'lifetime' }>, 'per' | 'amounts' | 'count'> {
  if (!('amount' in section) && !('count' in section)) {
    place.faults.add(place.path, 'neither amount nor count', 'a limit of amount, count or both');
  }
  return {
    per: section.per ?? 'tenant',
    amounts: amountsOf(section.amount, match, place),
    count: section.count ?? null,
  };
}

function readScope(section: Section<'scope'>, { path, faults }: Place) {
  if (!('contracts' in section) && !('methods' in section)) {
    faults.add(path, 'neither contracts nor methods', 'a list of contracts, of methods, or both');
  }
  const contracts = readAddresses(section.contracts, `${path}.contracts`, faults);
  return { type: 'scope' as const, contracts, methods: given(section.methods) };
}

function amountsOf(text: string | undefined, match: Match, { world, path, faults }: Place) {
  return readAmounts(text, { world, assets: match.assets }, `${path}.amount`, faults);
}

function durationOf(text: string | undefined, path: string, faults: Faults): number {
  const ms = text === undefined ? 0 : parseDuration(text);
  if (ms !== null) return ms;
  faults.add(
    path,
    shown(text),
    'a duration from 1 minute to 400 days, like "24h", "30d" or "PT15M"',
  );
  return 0;
}
