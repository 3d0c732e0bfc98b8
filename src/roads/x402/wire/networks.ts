/** The names of version 1, for the networks that its clients have. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['base', 8_453],
  ['base-sepolia', 84_532],
  ['avalanche', 43_114],
  ['avalanche-fuji', 43_113],
  ['polygon', 137],
  ['polygon-amoy', 80_002],
  ['sei', 1_329],
  ['sei-testnet', 1_328],
  ['abstract', 2_741],
  ['abstract-testnet', 11_124],
  ['iotex', 4_689],
  ['peaq', 3_338],
]);

/** The chain id of a CAIP-2 or version 1 network; null: none of an EVM chain. */
export function chainOfNetwork(network: unknown): number | null {
  if (typeof network !== 'string') return null;
  const caip2 = /^eip155:([1-9][0-9]{0,14})$/.exec(network)?.[1];
  return caip2 === undefined ? (NAMES.get(network) ?? null) : Number(caip2);
}

/** What version 1 calls a chain; chains without a name are called as in version 2. */
export function firstNameOf(chainId: number): string {
  return [...NAMES].find(([, id]) => id === chainId)?.[0] ?? `eip155:${chainId}`;
}
