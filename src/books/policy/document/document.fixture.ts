import { type AssetSettings, Assets } from '../../../base/config/index.ts';
import { readPolicy, tellPolicyFault } from './read.ts';
import type { Policy } from './types.ts';

const asset = (id: string, decimals: number, address: `0x${string}` | null): AssetSettings => ({
  id,
  caip19: address === null ? 'eip155:1/slip44:60' : `eip155:1/erc20:${address}`,
  chain: 'main',
  chainId: 1,
  address,
  decimals,
  minimum: 1n,
  fee: 0n,
  tiers: [],
});

export const USDC = asset('USDC', 6, '0x00000000000000000000000000000000000000aa');
export const EURC = asset('EURC', 2, '0x00000000000000000000000000000000000000bb');
export const ETH = asset('ETH', 18, null);
export const world = {
  assets: new Assets([USDC, EURC, ETH]),
  chains: ['main'],
  groups: [
    { id: 'ops', members: ['ann', 'ben', 'cho'] },
    { id: 'cfo', members: ['dan'] },
  ],
};

/** A document of these rules, one a line. */
export const document = (...rules: string[]) => ['version: 1', 'rules:', ...rules].join('\n');

/** The policy of these rules; throws what is wrong with them. */
export function policyOf(...rules: string[]): Policy {
  const { policy, faults } = readPolicy(document(...rules), world);
  if (policy === null) throw new Error(faults.map(tellPolicyFault).join('\n'));
  return policy;
}
