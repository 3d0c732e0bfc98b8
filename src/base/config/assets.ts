import canonicalize from 'canonicalize';
import {
  type Address,
  caip19,
  formatAmount,
  parseAddress,
  parseAmount,
  sha256Hex,
  ZERO_ADDRESS,
} from '../kernel/index.ts';
import { refuseRepeat } from './chains.ts';
import { type Faults, shown } from './faults.ts';
import type { ConfigFile } from './schema/schema.ts';
import type { AssetSettings, ChainSettings, Tier } from './settings.ts';
import { isFaulty, type Loose } from './shape.ts';

type Section = Loose<ConfigFile['assets'][number]>;

/** Meaning of the assets section. Missing parts were named before; the result counts only without faults. */
export function readAssets(
  sections: readonly (Section | undefined)[],
  chains: readonly ChainSettings[],
  faults: Faults,
): AssetSettings[] {
  const ids = new Map<string, number>();
  const caip19s = new Map<string, number>();
  return sections.map((section = {}, index) => {
    const path = `assets[${index}]`;
    const { id = '', chain = '' } = section;
    refuseRepeat(ids, id, index, `${path}.id`, 'assets', faults);
    const chainId = readChainOf(section.chain, `${path}.chain`, chains, faults);
    const address =
      section.address === undefined
        ? null
        : readAddress(section.address, `${path}.address`, faults);
    const name = caip19(chainId, address);
    if (chainId !== 0 && address !== '0x') {
      refuseRepeat(caip19s, name, index, path, 'assets', faults);
    }
    const amount = (key: 'minimum' | 'fee') =>
      readAmount(section[key] ?? '0', section.decimals, `${path}.${key}`, faults) ?? 0n;
    const minimum = amount('minimum');
    const tiers = readTiers(section, path, faults);
    const last = tiers.at(-1)?.upTo;
    if (section.decimals !== undefined && typeof last === 'bigint' && minimum > last) {
      const limit = formatAmount(last, section.decimals);
      faults.add(
        `${path}.minimum`,
        shown(section.minimum),
        `at most ${limit}, where the last tier ends`,
      );
    }
    return {
      id,
      caip19: name,
      chain,
      chainId,
      address,
      decimals: section.decimals ?? 0,
      ...readDomain(section, path, faults),
      minimum,
      fee: amount('fee'),
      tiers,
    };
  });
}

/** The chain's number, or 0 and a fault when the file has no such chain. */
export function readChainOf(
  chain: string | undefined,
  path: string,
  chains: readonly ChainSettings[],
  faults: Faults,
): number {
  const found = chains.find(({ id }) => id === chain);
  if (found !== undefined) return found.chainId;
  // A chain whose own id is faulty may be the one that is meant.
  if (chain !== undefined && chains.length > 0 && chains.every(({ id }) => id !== '')) {
    faults.add(path, shown(chain), `one of the chains ${chains.map(({ id }) => id).join(', ')}`);
  }
  return 0;
}

/** The lower-case address, or '0x' and a fault. */
export function readAddress(text: string, path: string, faults: Faults): Address {
  const address = parseAddress(text);
  const allowed = '"0x" and 40 hex digits';
  if (address === 'syntax') faults.add(path, shown(text), allowed);
  else if (address === 'checksum') {
    faults.add(
      path,
      `${shown(text)}, whose EIP-55 checksum is wrong`,
      `${allowed} with the right checksum, or all in lower case`,
    );
  } else if (address === ZERO_ADDRESS) faults.add(path, 'the zero address', 'any other address');
  else return address;
  return '0x';
}

/** Base units, or null and a fault. Without known decimals only the syntax is judged. */
export function readAmount(
  text: string,
  decimals: number | undefined,
  path: string,
  faults: Faults,
): bigint | null {
  const atomic = parseAmount(text, decimals ?? 77);
  if (typeof atomic === 'bigint') return decimals === undefined ? null : atomic;
  if (atomic === 'too_large' && decimals === undefined) return null;
  const allowed = {
    syntax: 'a decimal string, like "12.50"',
    too_many_decimals: `at most ${decimals} decimals, as the asset has`,
    too_large: 'less than 2^256 base units',
  };
  faults.add(path, shown(text), allowed[atomic]);
  return null;
}

function readTiers(section: Section, path: string, faults: Faults): Tier[] {
  const names = new Map<string, number>();
  const sections = section.tiers ?? [];
  let before: { text: string; upTo: bigint } | null = null;
  return sections.map((tier = {}, index) => {
    const at = `${path}.tiers[${index}]`;
    const { name = '', commitAt = 'finalized' } = tier;
    const level = tier.waitUntil === undefined ? {} : { waitUntil: tier.waitUntil };
    refuseRepeat(names, name, index, `${at}.name`, `${path}.tiers`, faults);
    if (tier.upTo === undefined) {
      if (index < sections.length - 1 && !isFaulty(tier, 'upTo')) {
        faults.add(
          `${at}.upTo`,
          'nothing',
          'a limit; only the last tier may go without (unlimited)',
        );
      }
      return { name, upTo: null, commitAt, ...level };
    }
    const upTo = readAmount(tier.upTo, section.decimals, `${at}.upTo`, faults);
    if (upTo === null) return { name, upTo: 0n, commitAt, ...level };
    if (upTo === 0n) faults.add(`${at}.upTo`, shown(tier.upTo), 'more than 0');
    else if (before !== null && upTo <= before.upTo) {
      faults.add(
        `${at}.upTo`,
        shown(tier.upTo),
        `more than the tier before has, ${shown(before.text)}`,
      );
    }
    before = { text: tier.upTo, upTo };
    return { name, upTo, commitAt, ...level };
  });
}

function readDomain(
  { eip712, address }: Section,
  path: string,
  faults: Faults,
): Pick<AssetSettings, 'eip712'> {
  if (eip712 === undefined) return {};
  if (address === undefined) faults.add(`${path}.eip712`, 'the native coin', 'a token');
  const { name = '', version = '' } = eip712;
  return { eip712: { name, version } };
}

/**
 * `config:` and the SHA-256 of the RFC 8785 form of what decides: each asset's tiers in base units,
 * sorted by CAIP-19 id. The order of the file, its comments and the spelling of an amount do not matter.
 */
export function policyVersionOf(
  assets: readonly Pick<AssetSettings, 'caip19' | 'tiers'>[],
): string {
  const sections = assets
    .map((asset) => ({
      caip19: asset.caip19,
      tiers: asset.tiers.map(({ name, upTo, commitAt }) => ({
        name,
        upTo: upTo === null ? null : upTo.toString(),
        commitAt,
      })),
    }))
    .sort((a, b) => (a.caip19 < b.caip19 ? -1 : 1));
  return `config:${sha256Hex(canonicalize(sections) ?? '')}`;
}
