import type { AssetSettings } from '../../../base/config/index.ts';
import { decodedPath } from '../../../base/kernel/index.ts';
import type { PricedEndpoint } from './rows.ts';

/**
 * The endpoint that prices a path: the one of exactly this path, else the longest of those that end in `/*`. Paths are
 * compared as upstreams read them, without their escapes: a dearer one can not be asked for as `/%70remium`.
 */
export function matchEndpoint(
  endpoints: readonly PricedEndpoint[],
  asked: { method: string; path: string },
): PricedEndpoint | null {
  const wanted = unescaped(asked.path);
  const fitting = endpoints.filter(({ method, path }) => {
    if (method !== asked.method) return false;
    return path.endsWith('/*')
      ? wanted.startsWith(unescaped(path.slice(0, -1)))
      : unescaped(path) === wanted;
  });
  const rank = ({ path }: PricedEndpoint) =>
    path.endsWith('/*') ? unescaped(path).length : 1_000_000;
  return fitting.sort((a, b) => rank(b) - rank(a))[0] ?? null;
}

/** Of a path that does not decode, which is put no more, what it is. */
function unescaped(path: string): string {
  return decodedPath(path) ?? path;
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
