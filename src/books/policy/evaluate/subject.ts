import type { Requirement } from '../../../base/config/index.ts';
import type { Address, SettleAt } from '../../../base/kernel/index.ts';
import type { Dimension, HoldName, Kind, Method, WhenUnscreened } from '../document/types.ts';

/** What policy is asked about, whatever road asks. */
export type PolicySubject = {
  kind: Kind;
  tenantId: string;
  tenant: string;
  account: string | null;
  /** CAIP-19. */
  asset: string;
  /** Base units. */
  amount: bigint;
  chain: string;
  /** The wallets of which one pays. */
  wallet: string;
  destination: Address;
  merchant: string | null;
  endpoint: string | null;
  spender: Address | null;
  /** The contract that is called; null: the coin itself. */
  contract: Address | null;
  method: Method;
  /** 0 to 100; null: nobody knows. */
  riskScore: number | null;
  /** What screening calls it, `sanctions` or a provider's word; null: nothing. */
  riskCategory: string | null;
  /** Why nobody could say how risky it is, where screening is configured; null: somebody did, or nobody is asked. */
  unscreened: string | null;
  /** A destination that is known and that this one, which is not, looks like; null: nobody, or no rule asks. */
  lookAlike: Address | null;
  /** Since when, in ms since the epoch, the destination is in the address book; null: it is not, or no rule asks. */
  knownSince: number | null;
  /** Of a payment: the tier of the configuration, which holds where no rule is about its merchant; null: nothing does. */
  configured: PolicyDecision['tier'];
};

export type TraceStep = {
  /** The rule's id; `default` where none speaks; `@screening`, `@look_alike`, `@configured` and `@persons`, which every policy has; `*` for all of which `detail` is the list. */
  rule: string;
  verdict: 'allow' | 'deny' | 'pass' | 'hold' | 'no_match';
  detail: string;
};

/** What a decision was told by screening, as it is kept with it. */
export type ScreeningInputs = { whenUnscreened: WhenUnscreened } & (
  | { kind: 'known'; at: number; score: number; category: string | null; source: string }
  | { kind: 'wanted' }
  | { kind: 'unavailable'; reason: string }
);

export type HoldDemand = { rule: string; hold: HoldName; timeoutMs: number };

/** What policy says. Of a denial nothing but trace and reason counts. */
export type PolicyDecision = {
  verdict: 'allow' | 'deny';
  /** It would be allowed, and has to wait for a word about its destination: it is asked about again. */
  waits: boolean;
  /** Of its tier: what becomes of it while nobody can be asked about its destination. */
  whenUnscreened: WhenUnscreened;
  tier: { name: string; commitAt: 'safe' | 'finalized'; waitUntil?: SettleAt } | null;
  approvals: Requirement | null;
  holds: readonly HoldDemand[];
  /** The share, 0 to 1, of decisions like this one that people look at later. */
  auditSample: number;
  /** Of a denial: the first rule that denies, and why. */
  reason: string | null;
  trace: readonly TraceStep[];
};

/** What a limit counts by; null: the subject has none, and the limit says nothing. */
export function dimensionOf(subject: PolicySubject, per: Dimension): string | null {
  return per === 'tenant' ? subject.tenantId : subject[per];
}
