import type { Address, Hex, HttpMethod, Network, SettleAt } from '../kernel/index.ts';
import type { GuardSettings } from './guard/settings.ts';
import type { ScreeningSettings } from './screening/settings.ts';

/** The typed settings that every process runs on; read.ts makes them from file and environment. */
/** A file, or a bucket whose Object Lock keeps each root for so long. */
export type AnchorSettings =
  | { kind: 'file'; path: string }
  | {
      kind: 's3';
      bucket: string;
      prefix: string;
      region: string;
      endpoint?: string;
      retainDays: number;
    };

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
    /** Where there is none, it begins where the journal stands: each machine has its own. */
    witnessBegins?: true;
    /** Ed25519 in PEM, for audit blocks alone; null: this signer signs none. */
    auditKey: string | null;
  } | null;
  /** Null: nothing is sealed. */
  audit: {
    /** Where roots are kept outside of the database; null: nowhere. */
    anchor: AnchorSettings | null;
    /** Raw Ed25519: whose signatures of blocks are believed. */
    publicKeys: Hex[];
  } | null;
  http: {
    host: string;
    port: number;
    bodyLimitBytes: number;
    /** Where browsers reach this installation, as an origin; passkeys are bound to its name. Null: on this machine. */
    publicUrl: string | null;
    /** Networks whose X-Forwarded-* headers are believed. */
    trustedProxies: string[];
    /** Of every key that has no limit of its own, and of all keys of a tenant together; null: unlimited. */
    rateLimits: { key: RateLimit | null; tenant: RateLimit | null };
  };
  chains: ChainSettings[];
  assets: AssetSettings[];
  /** Wallets of both purposes. */
  lanes: LaneSettings[];
  treasury: TreasurySettings[];
  /** The signer's own rules, which hold no secret. */
  guard: GuardSettings;
  x402: {
    merchants: MerchantSettings[];
    /** Whose payments come without an API key; null: nobody's. */
    anonymous: { tenant: string; merchant: string } | null;
    /** How long an answer may wait for a block. */
    waitMs: number;
    /** How long a merchant that had a payment verified has it for itself. */
    verifyLeaseMs: number;
    /** How long the gateway has an answer again for who paid for it. */
    keepAnswersMs: number;
    /** How long a price that loosens waits until it is in force. */
    priceDelayMs: number;
    /** How often the gateway is asked without a payment: from one address for one price, and for one merchant. */
    challengeRates: { address: RateLimit; merchant: RateLimit };
    /** Where upstreams of the gateway may be beside public addresses. */
    upstreamNetworks: Network[];
  };
  policy: {
    /** How long a change of the policy that loosens waits until it rules. */
    looseningDelayMs: number;
  };
  /** Null: nobody is asked about destinations. */
  screening: ScreeningSettings | null;
  checks: {
    /** How often what stands still is looked for. */
    everyMs: number;
    /** How long something may stand before it is told. */
    stuckAfterMs: number;
    /** How often a worker proves the laws of the ledger; 0: never by itself. */
    reconcileEveryMs: number;
  };
};

/** A merchant that the configuration makes, or brings to what it says. */
export type MerchantSettings = {
  tenant: string;
  name: string;
  payTo: Address[];
  /** Ids of assets, or CAIP-19; base units of one payment at most, null: as the tiers say. */
  assets: { asset: string; maxAmount: bigint | null }[];
  offers: Offer[];
  replays: boolean;
};

/** What a merchant sells: its first price need not wait. The path as prices have it, `/*` at its end: all below it. */
export type Offer = { method: HttpMethod; path: string; upstream: string };

/** So many at once, and so many a second in the long run; counted by each api process for itself. */
export type RateLimit = { requestsPerSecond: number; burst: number };

export type KeySettings = { id: string } & (
  | { kind: 'keystore'; file: string; password: string }
  /** In hex, out of the environment or a file; one that is known to everyone is refused as a development key is. */
  | { kind: 'privateKey'; privateKey: string }
  /** A development key: public, marked as such, refused on any chain but 31337. */
  | { kind: 'development'; privateKey: string }
  | ({ kind: 'kms'; keyId: string; requestsPerSecond: number } & AwsPlace)
  /** A private key in hex, or a keystore v3 file that the password opens. */
  | ({ kind: 'secretsManager'; secretId: string; password?: string } & AwsPlace)
);

/** `endpoint`: another than the region's own, such as a VPC's. */
export type AwsPlace = { region: string; endpoint?: string };

/**
 * read: answers questions · send: takes signed bytes · quorum: has a vote (where none has the role, all that
 * read vote) · private: a relay that keeps transactions to itself; where there is one, bytes go to no other.
 */
export type EndpointRole = 'read' | 'send' | 'quorum' | 'private';

/** One way to a chain's nodes; limits that are not set are the pool's own. */
export type EndpointSettings = {
  url: string;
  roles: EndpointRole[];
  /** What it is called where its URL, which may hold a key, must not stand; else its host. */
  name?: string;
  /** Calls, not requests: providers count each call of a batch. */
  requestsPerSecond?: number;
  burst?: number;
  maxConcurrent?: number;
  timeoutMs?: { read?: number; send?: number; logs?: number };
  maxBatch?: number;
};

export type ChainSettings = {
  id: string;
  chainId: number;
  rpc: EndpointSettings[];
  /** How many nodes must agree; a majority of those that vote unless it is set. */
  quorum?: number;
  /** Slots a lane may have in flight: given and not yet included. */
  window: number;
  fees: FeeSettings;
  /**
   * Both must hold: the tag says so, and the block is at least minDepth below the latest. A reorg that takes
   * back more than maxReorgDepth blocks halts the chain.
   */
  finality: { tag: 'finalized' | 'safe' | 'latest'; minDepth: number; maxReorgDepth: number };
  /** Where its walk begins, once: the finalized block, unless told otherwise for a development chain. */
  beginAt?: 'latest';
  /** Bytes not seen in a block for this long are sent again. */
  resendAfterMs: number;
  /** A transaction that blocks pass over for this long bids more. */
  replaceAfterMs: number;
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

export type Tier = {
  name: string;
  upTo: bigint | null;
  commitAt: 'safe' | 'finalized';
  /** From which level on an x402 payment is told to have succeeded; included, unless told otherwise. */
  waitUntil?: SettleAt;
};

export type AssetSettings = {
  id: string;
  caip19: string;
  chain: string;
  chainId: number;
  /** Null: the chain's native coin. */
  address: Address | null;
  decimals: number;
  /** The EIP-712 domain that its authorizations (ERC-3009) are signed for; without it no x402 payment is taken in it. */
  eip712?: { name: string; version: string };
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
  /** It gives no slots any more; what it has in flight is brought to its end. */
  retired?: true;
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

/** A name for each endpoint, in their order; none is used twice. */
export function endpointNames(rpc: readonly EndpointSettings[]): string[] {
  const taken = new Set(rpc.flatMap(({ name }) => name ?? []));
  return rpc.map(({ url, name }) => {
    if (name !== undefined) return name;
    const host = URL.canParse(url) ? new URL(url).host : 'endpoint';
    let free = host;
    for (let next = 2; taken.has(free); next += 1) free = `${host}#${next}`;
    taken.add(free);
    return free;
  });
}

/** Who votes, by index, and how many must agree. */
export function quorumOf(chain: Pick<ChainSettings, 'rpc' | 'quorum'>): {
  needed: number;
  voters: number[];
} {
  const having = (role: EndpointRole) =>
    chain.rpc.flatMap(({ roles }, index) => (roles.includes(role) ? index : []));
  const named = having('quorum');
  const voters = named.length > 0 ? named : having('read');
  return { needed: chain.quorum ?? Math.floor(voters.length / 2) + 1, voters };
}

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
