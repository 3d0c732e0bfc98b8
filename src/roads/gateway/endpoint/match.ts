import type { AssetSettings } from '../../../base/config/index.ts';
import type { PricedEndpoint } from './rows.ts';

/** The endpoint that prices a path: the one of exactly this path, else the longest of those that end in `/*`. */
export function matchEndpoint(
  endpoints: readonly PricedEndpoint[],
  asked: { method: string; path: string },
): PricedEndpoint | null {
  const fitting = endpoints.filter(({ method, path }) => {
    if (method !== asked.method) return false;
    return path.endsWith('/*') ? asked.path.startsWith(path.slice(0, -1)) : path === asked.path;
  });
  const rank = ({ path }: PricedEndpoint) => (path.endsWith('/*') ? path.length : 1_000_000);
  return fitting.sort((a, b) => rank(b) - rank(a))[0] ?? null;
}

/** Whether a token can be paid in the way that a price says: EIP-3009 is signed for the token's own domain. */
export function isPayable(
  { address, eip712 }: AssetSettings,
  { transferMethod }: Pick<PricedEndpoint, 'transferMethod'>,
): boolean {
  return address !== null && (transferMethod !== 'eip3009' || eip712 !== undefined);
}

/** Where a request goes: the upstream's own path, then what was asked below the merchant. */
export function upstreamUrl(upstream: string, path: string, search: string): URL {
  const url = new URL(upstream);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  url.search = search;
  return url;
}
