import type { Address } from '../kernel/index.ts';

/** The typed settings that every process runs on; read.ts makes them from file and environment. */
export type Settings = {
  /** `config:` and the SHA-256 of the canonical `tiers` sections; every decision carries it. */
  policyVersion: string;
  database: { url: string; poolSize: number };
  /** Null when this process has no right to the signer's parts. */
  signer: {
    databaseUrl: string;
    keys: KeySettings[];
    /** Outside of both databases; one for all signers of an installation. */
    witnessFile: string;
  } | null;
  http: { host: string; port: number; bodyLimitBytes: number };
  chains: ChainSettings[];
  assets: AssetSettings[];
  lanes: LaneSettings[];
};

export type KeySettings = { id: string } & (
  | { kind: 'keystore'; file: string; password: string }
  /** A development key: public, marked as such, refused on any chain but 31337. */
  | { kind: 'development'; privateKey: string }
);

export type ChainSettings = {
  id: string;
  chainId: number;
  rpc: { url: string; roles: ('read' | 'send')[] }[];
  /** Slots a lane may have in flight: given and not yet included. */
  window: number;
  fees: FeeSettings;
  /**
   * Both must hold: the tag says so, and the block is at least minDepth below the latest. A reorg that takes
   * back more than maxReorgDepth blocks halts the chain.
   */
  finality: { tag: 'finalized' | 'safe' | 'latest'; minDepth: number; maxReorgDepth: number };
  /** Bytes not seen in a block for this long are sent again. */
  resendAfterMs: number;
  /** How often the head is asked for when nothing else wakes the tracker. */
  pollMs: number;
};

/** How much a transaction hurries: for the tip that others paid it takes a lower or a higher percentile. */
export const URGENCIES = ['low', 'normal', 'high'] as const;
export type Urgency = (typeof URGENCIES)[number];

export type FeeSettings = {
  /** Wei a gas; the cap of an effect. */
  maxFeePerGas: bigint;
  /** Wei a gas: the least tip, and on a chain without a base fee the least gas price. */
  minPriorityFeePerGas: bigint;
  /** Of the tips that recent blocks took, 1 to 99: what a transaction of normal urgency gives. */
  percentile: number;
  /** How many blocks are recent. */
  blocks: number;
  /** In thousandths: to how many times the present base fee a bid stays good. */
  baseFeeMultiplier: bigint;
  /** Of withdrawals that nothing else is known of. */
  urgency: Urgency;
};

export type Tier = { name: string; upTo: bigint | null; commitAt: 'safe' | 'finalized' };

export type AssetSettings = {
  id: string;
  caip19: string;
  chain: string;
  chainId: number;
  /** Null: the chain's native coin. */
  address: Address | null;
  decimals: number;
  minimum: bigint;
  fee: bigint;
  /** Ascending by upTo; an amount that none covers is refused. */
  tiers: Tier[];
};

export type LaneSettings = {
  chain: string;
  chainId: number;
  address: Address;
  key: string;
  tenant: string;
};

/** Look-ups that every room needs; built once. */
export class Assets {
  readonly #byName = new Map<string, AssetSettings>();
  readonly all: readonly AssetSettings[];

  constructor(assets: readonly AssetSettings[]) {
    this.all = assets;
    for (const asset of assets) {
      this.#byName.set(asset.id, asset);
      this.#byName.set(asset.caip19, asset);
    }
  }

  /** By configured id or CAIP-19 id (any case of the address). */
  find(name: string): AssetSettings | undefined {
    return this.#byName.get(name) ?? this.#byName.get(lowerCaip19(name));
  }
}

function lowerCaip19(name: string): string {
  return name.replace(/erc20:0x[0-9a-fA-F]{40}$/, (part) => part.toLowerCase());
}
