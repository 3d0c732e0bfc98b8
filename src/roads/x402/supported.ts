import type { AssetSettings, LaneSettings } from '../../base/config/index.ts';
import { firstNameOf } from './wire/networks.ts';

type Kind = { x402Version: 1 | 2; scheme: 'exact'; network: string };

export type Supported = {
  kinds: Kind[];
  extensions: string[];
  signers: Record<string, string[]>;
};

/** What merchants may ask of us: every chain with a token for payments and a wallet that pays its gas. */
export function supportedOf(settings: {
  assets: readonly AssetSettings[];
  lanes: readonly LaneSettings[];
}): Supported {
  const paying = settings.lanes.filter(
    ({ purpose, retired }) => purpose === 'pay' && retired === undefined,
  );
  const chains = [...new Set(paying.map(({ chainId }) => chainId))].filter((chainId) =>
    settings.assets.some((asset) => asset.chainId === chainId && asset.address !== null),
  );
  const scheme = 'exact' as const;
  return {
    kinds: chains.flatMap((chainId): Kind[] => [
      { x402Version: 2, scheme, network: `eip155:${chainId}` },
      { x402Version: 1, scheme, network: firstNameOf(chainId) },
    ]),
    extensions: ['payment-identifier'],
    signers: Object.fromEntries(
      chains.map((chainId) => [
        `eip155:${chainId}`,
        paying.filter((lane) => lane.chainId === chainId).map(({ address }) => address),
      ]),
    ),
  };
}
