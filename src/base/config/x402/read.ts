import {
  PATH_PATTERN,
  PLAIN_URL,
  parseAmount,
  parseNetwork,
  parsePathPattern,
  parsePlainUrl,
} from '../../kernel/index.ts';
import { readAddress } from '../assets.ts';
import { refuseRepeat } from '../chains.ts';
import { type Faults, shown } from '../faults.ts';
import { NETWORK } from '../schema/parts.ts';
import { rateLimitOf } from '../schema/rate-limit.ts';
import type { ConfigFile } from '../schema/schema.ts';
import type { AssetSettings, MerchantSettings, Offer, Settings } from '../settings.ts';
import type { Loose } from '../shape.ts';

type Section = Loose<NonNullable<ConfigFile['x402']>>;
type MerchantSection = NonNullable<NonNullable<Section['merchants']>[number]>;
type OfferSection = NonNullable<NonNullable<MerchantSection['offers']>[number]>;

/** Every challenge is a row: a person's browser asks for fewer, and a flood for more. */
export const CHALLENGE_RATES = {
  address: { requestsPerSecond: 10, burst: 100 },
  merchant: { requestsPerSecond: 200, burst: 1_000 },
};

/** Meaning of the x402 section. */
export function readX402(
  section: Section,
  assets: readonly AssetSettings[],
  faults: Faults,
): Settings['x402'] {
  const { anonymous, waitSeconds = 8, verifyLeaseSeconds = 20, keepAnswersDays = 90 } = section;
  const { priceDelaySeconds = 86_400 } = section;
  const names = new Map<string, number>();
  const merchants = (section.merchants ?? []).map((merchant = {}, index) => {
    const path = `x402.merchants[${index}]`;
    const { tenant = '', name = '' } = merchant;
    refuseRepeat(names, `${tenant}/${name}`, index, path, 'x402.merchants', faults);
    return readMerchant(merchant, path, assets, faults);
  });
  const { tenant = '', merchant = '' } = anonymous ?? {};
  const isNamed = merchants.some((one) => one.tenant === tenant && one.name === merchant);
  if (tenant !== '' && merchant !== '' && !isNamed) {
    const expected = 'the tenant and the name of one of x402.merchants';
    faults.add('x402.anonymous', shown(`${tenant}/${merchant}`), expected);
  }
  const rates = section.challengeRates;
  return {
    merchants,
    anonymous: anonymous === undefined ? null : { tenant, merchant },
    waitMs: waitSeconds * 1000,
    verifyLeaseMs: verifyLeaseSeconds * 1000,
    keepAnswersMs: keepAnswersDays * 86_400_000,
    priceDelayMs: priceDelaySeconds * 1000,
    challengeRates: {
      address: rateLimitOf(rates?.address) ?? CHALLENGE_RATES.address,
      merchant: rateLimitOf(rates?.merchant) ?? CHALLENGE_RATES.merchant,
    },
    upstreamNetworks: (section.upstreamNetworks ?? []).flatMap((text, index) => {
      const network = text === undefined ? null : parseNetwork(text);
      if (network !== null) return [network];
      faults.add(`x402.upstreamNetworks[${index}]`, shown(text), NETWORK);
      return [];
    }),
  };
}

function readMerchant(
  merchant: MerchantSection,
  path: string,
  assets: readonly AssetSettings[],
  faults: Faults,
): MerchantSettings {
  const { tenant = '', name = '', payTo = [], assets: allowed = [], replays = false } = merchant;
  const { offers = [] } = merchant;
  return {
    tenant,
    name,
    replays,
    offers: offers.flatMap((offer, index) =>
      readOffer(offer ?? {}, `${path}.offers[${index}]`, faults),
    ),
    payTo: payTo.flatMap((text, index) =>
      text === undefined ? [] : [readAddress(text, `${path}.payTo[${index}]`, faults)],
    ),
    assets: allowed.flatMap((one = {}, index): MerchantSettings['assets'] => {
      const at = `${path}.assets[${index}]`;
      const asset = assets.find(({ id }) => id === one.asset);
      if (asset === undefined || asset.address === null) {
        faults.add(`${at}.asset`, shown(one.asset), 'a token of this file');
        return [];
      }
      if (one.maxAmount === undefined) return [{ asset: asset.caip19, maxAmount: null }];
      const maxAmount = parseAmount(one.maxAmount, asset.decimals);
      if (typeof maxAmount === 'bigint') return [{ asset: asset.caip19, maxAmount }];
      const allowedText = `a decimal string with at most ${asset.decimals} decimals`;
      faults.add(`${at}.maxAmount`, shown(one.maxAmount), allowedText);
      return [];
    }),
  };
}

function readOffer({ method, path, upstream }: OfferSection, at: string, faults: Faults): Offer[] {
  const asked = path === undefined ? undefined : parsePathPattern(path);
  const url = upstream === undefined ? undefined : parsePlainUrl(upstream);
  if (path !== undefined && asked === undefined)
    faults.add(`${at}.path`, shown(path), PATH_PATTERN);
  if (upstream !== undefined && url === undefined) {
    faults.add(`${at}.upstream`, shown(upstream), PLAIN_URL);
  }
  if (method === undefined || asked === undefined || url === undefined) return [];
  return [{ method, path: asked, upstream: url }];
}
