import {
  type Assets,
  type Faults,
  given,
  type Loose,
  readAddress,
  readAmount,
  shown,
} from '../../../base/config/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import type { MatchSection } from './schema.ts';
import { type Amounts, KINDS, type Kind, type Match, type Rule } from './types.ts';
import { readWhen } from './when.ts';

/** What a document may name: what the configuration has. */
export type PolicyWorld = {
  assets: Assets;
  chains: readonly string[];
  /** Of approvers. */
  groups: readonly { id: string; members: readonly string[] }[];
};

/** A list whose faulty entries were named already. */
type Gaps<Item> = readonly (Item | undefined)[];

export const ANY: Match = {
  kinds: null,
  tenants: null,
  accounts: null,
  assets: null,
  chains: null,
  wallets: null,
  destinations: null,
  merchants: null,
  endpoints: null,
  spenders: null,
  over: null,
  riskOver: null,
  when: null,
};

/** Reads what a rule applies to; the shape fits. */
export function readMatch(
  section: Loose<MatchSection>,
  world: PolicyWorld,
  path: string,
  faults: Faults,
): Match {
  const at = (name: string) => `${path}.${name}`;
  const assets = section.assets && readAssetIds(section.assets, world, at('assets'), faults);
  section.chains?.forEach((chain, index) => {
    if (chain === undefined || world.chains.includes(chain)) return;
    const known = `one of the chains ${world.chains.join(', ')}`;
    faults.add(`${at('chains')}[${index}]`, shown(chain), known);
  });
  const read: Match = {
    ...ANY,
    kinds: given(section.kinds),
    tenants: given(section.tenants),
    accounts: given(section.accounts),
    assets: assets ?? null,
    chains: given(section.chains),
    wallets: given(section.wallets),
    destinations: readAddresses(section.destinations, at('destinations'), faults),
    merchants: given(section.merchants),
    endpoints: given(section.endpoints),
    spenders: readAddresses(section.spenders, at('spenders'), faults),
    riskOver: section.riskOver ?? null,
    when: section.when === undefined ? null : readWhen(section.when, at('when'), faults),
  };
  for (const [name, value] of Object.entries(read)) {
    if (Array.isArray(value)) refuseTwice(value, at(name), faults);
  }
  const categories = given(section.riskCategories);
  if (categories !== null) refuseTwice(categories, at('riskCategories'), faults);
  const over = readAmounts(section.over, { world, assets: read.assets }, at('over'), faults);
  const { lookAlike } = section;
  return {
    ...{ ...read, over },
    ...(categories === null ? {} : { riskCategories: categories }),
    ...(lookAlike === undefined ? {} : { lookAlike }),
  };
}

function readAssetIds(
  names: Gaps<string>,
  { assets }: PolicyWorld,
  path: string,
  faults: Faults,
): string[] {
  return names.flatMap((name, index) => {
    if (name === undefined) return [];
    const asset = assets.find(name);
    if (asset !== undefined) return asset.caip19;
    const known = `one of the assets ${assets.all.map(({ id }) => id).join(', ')}`;
    faults.add(`${path}[${index}]`, shown(name), known);
    return [];
  });
}

export function readAddresses(
  texts: Gaps<string> | undefined,
  path: string,
  faults: Faults,
): Address[] | null {
  if (texts === undefined) return null;
  return texts.flatMap((text, index) =>
    text === undefined ? [] : readAddress(text, `${path}[${index}]`, faults),
  );
}

function refuseTwice(values: readonly string[], path: string, faults: Faults): void {
  values.forEach((value, index) => {
    if (value !== '0x' && values.indexOf(value) < index) {
      faults.add(`${path}[${index}]`, `${shown(value)} again`, 'each entry once');
    }
  });
}

/**
 * One number is an amount of each asset that the rule names, in the unit of that asset; amounts of different
 * assets are never added up. A rule with amounts has to say which assets it means.
 */
export function readAmounts(
  text: string | undefined,
  { world, assets }: { world: PolicyWorld; assets: readonly string[] | null },
  path: string,
  faults: Faults,
): Amounts | null {
  if (text === undefined) return null;
  if (assets === null) {
    faults.add(path, shown(text), 'an amount only beside match.assets, whose unit it has');
    return null;
  }
  const amounts: Record<string, bigint> = {};
  const before = faults.count;
  for (const caip19 of assets) {
    const amount = readAmount(text, world.assets.find(caip19)!.decimals, path, faults);
    if (faults.count > before) return null;
    if (amount === 0n) {
      faults.add(path, shown(text), 'more than 0');
      return null;
    }
    if (amount !== null) amounts[caip19] = amount;
  }
  return amounts;
}

/** Whom only payments have. */
const OF_PAYMENTS: readonly string[] = ['merchant', 'endpoint', 'spender'];

/**
 * What a rule is about. One that does not say is about withdrawals: limits, holds and books of addresses guard what
 * leaves own wallets, and a payment moves its payer's money. It is about payments where it names what only those have.
 * A deny is about whatever it matches.
 */
export function kindsOf(rule: Rule): readonly Kind[] {
  const { match } = rule;
  if (match.kinds !== null) return match.kinds;
  const per = 'per' in rule && OF_PAYMENTS.includes(rule.per);
  if (per || match.merchants !== null || match.endpoints !== null || match.spenders !== null) {
    return ['payment'];
  }
  return rule.type === 'deny' && match.accounts === null ? KINDS : ['withdrawal'];
}

/**
 * Says which payments are allowed: of the merchants that it may be about no other ones are, where without such a rule what
 * they are configured for is.
 */
export function opensPayments(rule: Rule): boolean {
  return rule.type === 'allow' && kindsOf(rule).includes('payment');
}
