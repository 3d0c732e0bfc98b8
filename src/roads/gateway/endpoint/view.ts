import type { Assets } from '../../../base/config/index.ts';
import { checksummed, formatAmount } from '../../../base/kernel/index.ts';
import type { PricedEndpoint } from './rows.ts';

type TermsView = {
  asset: string;
  scheme: string;
  price: string;
  priceAtomic: string;
  /** Of `upto`: how an answer tells what it costs. */
  usageHeader: string | null;
  unitPrice: string | null;
  unitSize: number | null;
  withoutUsage: string | null;
  payTo: string;
  assetTransferMethod: string;
  upstream: string;
  onFailure: string;
  timeoutMs: number;
  maxResponseBytes: number;
  description: string | null;
};

/** A price as its owner sees it. */
export type EndpointView = TermsView & {
  /** Of the path, whatever it costs. */
  id: string;
  merchant: string;
  method: string;
  path: string;
  /** `scheduled`: the path has no price before `effectiveAt`. `removed`: it had this one until now, or never will. */
  status: 'in_force' | 'scheduled' | 'removed';
  effectiveAt: string;
  /** What takes its place then: another price, or none (`terms` null). */
  pending: { effectiveAt: string; terms: TermsView | null } | null;
};

/** One for each path, of its prices that are in force or wait. */
export function viewsOf(endpoints: readonly PricedEndpoint[], assets: Assets): EndpointView[] {
  const paths = new Map<string, PricedEndpoint[]>();
  for (const one of endpoints) {
    paths.set(one.firstId, [...(paths.get(one.firstId) ?? []), one]);
  }
  return [...paths.values()].map((path) => {
    const shown = path.find(({ inForce }) => inForce) ?? path[0]!;
    const next = path.find((one) => one !== shown);
    const ends = next?.effectiveAt ?? shown.removedAt;
    const { firstId, merchant, method, effectiveAt, inForce } = shown;
    return {
      ...{ id: firstId, merchant, method, path: shown.path },
      ...termsOf(shown, assets),
      status: inForce ? 'in_force' : 'scheduled',
      effectiveAt: effectiveAt.toISOString(),
      pending: ends && {
        effectiveAt: ends.toISOString(),
        terms: next === undefined ? null : termsOf(next, assets),
      },
    };
  });
}

function termsOf(endpoint: PricedEndpoint, assets: Assets): TermsView {
  const { price, payTo, upstream, onFailure, timeoutMs, maxResponseBytes, description } = endpoint;
  const { transferMethod, usage } = endpoint;
  const asset = assets.find(endpoint.asset);
  const decimals = asset?.decimals ?? 0;
  return {
    asset: asset?.id ?? endpoint.asset,
    scheme: usage === null ? 'exact' : 'upto',
    price: formatAmount(price, decimals),
    priceAtomic: price.toString(),
    usageHeader: usage?.header ?? null,
    unitPrice: usage && formatAmount(usage.unitPrice, decimals),
    unitSize: usage && Number(usage.unitSize),
    withoutUsage: usage?.without ?? null,
    payTo: checksummed(payTo),
    assetTransferMethod: transferMethod === 'upto' ? 'permit2' : transferMethod,
    ...{ upstream, onFailure, timeoutMs, maxResponseBytes, description },
  };
}
