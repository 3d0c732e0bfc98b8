import type { AssetSettings, LaneSettings } from '../../base/config/index.ts';
import type { Address } from '../../base/kernel/index.ts';
import type { Merchant } from '../../books/access/index.ts';
import { firstNameOf } from './wire/networks.ts';

type Kind = {
  x402Version: 1 | 2;
  scheme: 'exact' | 'upto';
  network: string;
  extra?: { assetTransferMethod: 'permit2'; facilitatorAddress: Address };
};

export type Supported = {
  kinds: Kind[];
  extensions: string[];
  signers: Record<string, string[]>;
};

/** The wallets of the configuration that pay for payments' gas. */
export function payingLanes(lanes: readonly LaneSettings[]): LaneSettings[] {
  return lanes.filter(({ purpose, retired }) => purpose === 'pay' && retired === undefined);
}

/**
 * What merchants may ask of us: every chain with a token for payments and a wallet that pays its gas. A payer by `upto`
 * signs for one such wallet of the merchant's own tenant, which is told by turns; so of whom it is not known whose it
 * is, that is told only where all wallets are one tenant's.
 */
export function supportedOf(settings: {
  assets: readonly AssetSettings[];
  lanes: readonly LaneSettings[];
}): (merchant: Pick<Merchant, 'lanes'> | null) => Supported {
  const paying = payingLanes(settings.lanes);
  const chains = [...new Set(paying.map(({ chainId }) => chainId))].filter((chainId) =>
    settings.assets.some((asset) => asset.chainId === chainId && asset.address !== null),
  );
  const signers = chains.map((chainId): [string, string[]] => [
    `eip155:${chainId}`,
    paying.filter((lane) => lane.chainId === chainId).map(({ address }) => address),
  ]);
  const alone = new Set(paying.map(({ tenant }) => tenant)).size === 1;
  let turn = 0;
  return (merchant) => {
    turn += 1;
    const own = paying.filter(({ chainId, address }) => {
      const lanes = merchant?.lanes ?? (alone ? paying : []);
      return lanes.some((lane) => lane.chainId === chainId && lane.address === address);
    });
    return {
      kinds: chains.flatMap((chainId) => {
        const here = own.filter((lane) => lane.chainId === chainId);
        return kindsOf(chainId, here[turn % here.length]?.address);
      }),
      extensions: ['payment-identifier'],
      signers: Object.fromEntries(signers),
    };
  };
}

/** The wallet that a payer by `upto` signs for on a chain; null: there is none. */
export function takerOf({ kinds }: Supported, chainId: number): Address | null {
  const kind = kinds.find(
    ({ scheme, network }) => scheme === 'upto' && network === `eip155:${chainId}`,
  );
  return kind?.extra?.facilitatorAddress ?? null;
}

function kindsOf(chainId: number, facilitatorAddress: Address | undefined): Kind[] {
  const network = `eip155:${chainId}`;
  const exact: Kind[] = [
    { x402Version: 2, scheme: 'exact', network },
    { x402Version: 1, scheme: 'exact', network: firstNameOf(chainId) },
  ];
  if (facilitatorAddress === undefined) return exact;
  const extra = { assetTransferMethod: 'permit2', facilitatorAddress } as const;
  return [...exact, { x402Version: 2, scheme: 'upto', network, extra }];
}
