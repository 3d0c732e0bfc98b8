import type { Address } from '../../kernel/index.ts';

/** Who has to approve: so many members of a group, or all or any of several such. */
export type Requirement =
  | Quorum
  | { all: readonly Requirement[] }
  | { any: readonly Requirement[] };
export type Quorum = { group: string; count: number };

/** Who may approve, with the key that says so; the signer believes no other. */
export type ApproverSettings = {
  id: string;
  /** Ids of operators and of API keys, and payers' addresses, that are the same person: what they ask for this one can not approve. */
  initiators: string[];
} & (
  | { kind: 'ed25519'; publicKey: string }
  | { kind: 'evm'; address: Address }
  /** publicKey as a browser gives it, credentialId in base64url. */
  | { kind: 'webauthn'; publicKey: string; credentialId: string }
);

export type ApprovalSettings = {
  approvers: ApproverSettings[];
  groups: { id: string; members: string[] }[];
  /** Of each kind and asset, by CAIP-19, the highest one below the amount holds. */
  thresholds: {
    kind: 'withdrawal' | 'payment';
    asset: string;
    above: bigint;
    requirement: Requirement;
  }[];
  /** What a passkey is for; null: there are none. */
  webauthn: { rpId: string; origins: string[] } | null;
  /** How long approvers have. */
  expireAfterMs: number;
};

/** Wallets of which any may make a tenant's payment on their chain. */
export type WalletGroup = { id: string; lanes: { chainId: number; address: Address }[] };

/** What may leave the wallets of a group at most, in base units of the asset. */
export type LimitSettings = {
  walletGroup: string;
  asset: string;
  perTransaction: bigint | null;
  windows: { ms: number; amount: bigint }[];
};

/** What the signer holds to, whatever the rows say; other processes know it to ask or refuse earlier. */
export type GuardSettings = {
  approvals: ApprovalSettings;
  walletGroups: WalletGroup[];
  limits: LimitSettings[];
};
