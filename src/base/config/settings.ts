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
  /** Wallets of both purposes. */
  lanes: LaneSettings[];
  treasury: TreasurySettings[];
  checks: {
    /** How often what stands still is looked for. */
    everyMs: number;
    /** How long something may stand before it is told. */
    stuckAfterMs: number;
    /** How often a worker proves the laws of the ledger; 0: never by itself. */
    reconcileEveryMs: number;
  };
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
  fees: { maxFeePerGas: bigint; minPriorityFeePerGas: bigint };
  /** Both must hold: the tag says so, and the block is at least minDepth below the latest. */
  finality: { tag: 'finalized' | 'safe' | 'latest'; minDepth: number };
  /** Bytes not seen in a block for this long are sent again. */
  resendAfterMs: number;
  /** How often the head is asked for when nothing else wakes the tracker. */
  pollMs: number;
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
  /** A treasury wallet pays no withdrawals: it fills lanes and receives what they have too much. */
  purpose: 'pay' | 'treasury';
  /** Wei that new slots leave for the gas of what is under way; below it the lane is paused. */
  minGas: bigint;
  /** Below it a person is told. */
  minBalances: { asset: string; amount: bigint }[];
};

/** What a treasury wallet does for the lanes of its chain and tenant. */
export type TreasurySettings = {
  chainId: number;
  address: Address;
  tenant: string;
  /** Wei: a lane with less free than `below` gets `amount`, all lanes together at most `perDay` in 24 hours. */
  topUp: { below: bigint; amount: bigint; perDay: bigint } | null;
  /** Of these assets a sweep leaves the amount on a lane; others are not swept. */
  keep: { asset: string; amount: bigint }[];
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
