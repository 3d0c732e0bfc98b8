import { createHash } from 'node:crypto';
import type { Settings } from '../settings.ts';

/**
 * SHA-256 of what a configuration says to the signer: two processes with the same one judge a transaction alike, as
 * far as no state is asked. Another order of the file's lists is another digest.
 */
export function signingRulesDigest({
  policyVersion,
  chains,
  assets,
  lanes,
  treasury,
  guard,
}: Pick<Settings, 'policyVersion' | 'chains' | 'assets' | 'lanes' | 'treasury' | 'guard'>): Buffer {
  const rules = {
    policyVersion,
    chains: chains.map(({ chainId, fees }) => [chainId, fees.maxFeePerGas]),
    assets: assets.map(({ id, caip19, chainId, address, tiers }) => {
      return [id, caip19, chainId, address, tiers];
    }),
    lanes: lanes.map(({ chainId, address, tenant, purpose, retired = false }) => {
      return [chainId, address, tenant, purpose, retired];
    }),
    treasury,
    guard,
  };
  const text = JSON.stringify(rules, (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  return createHash('sha256').update(text).digest();
}
