import type { Requirement } from '../../../base/config/index.ts';
import type { Address, SettleAt } from '../../../base/kernel/index.ts';

/** What is asked about: money that leaves by a withdrawal, or an x402 payment that is settled. */
export const KINDS = ['withdrawal', 'payment'] as const;
export type Kind = (typeof KINDS)[number];

/** What a limit counts by. `wallet`: the wallets of a tenant on a chain, which pay for each other. */
export const DIMENSIONS = [
  'account',
  'tenant',
  'wallet',
  'asset',
  'destination',
  'merchant',
  'endpoint',
  'spender',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What is called on chain; `native`: the coin itself, no contract; `permit2`: a proxy through which Permit2 pays. */
export const METHODS = ['native', 'transfer', 'transferWithAuthorization', 'permit2'] as const;
export type Method = (typeof METHODS)[number];

/** Gates that someone else opens. */
export const HOLDS = ['travel_rule', 'screening', 'manual_review'] as const;
export type HoldName = (typeof HOLDS)[number];

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Base units by CAIP-19 id. */
export type Amounts = Readonly<Record<string, bigint>>;

/** All that is set must hold. From `from` on, before `to`; a span may go over midnight. */
export type When = {
  /** IANA. */
  timeZone: string;
  days: readonly Day[] | null;
  /** Minutes of the local day. */
  from: number | null;
  to: number | null;
  /** Local days, YYYY-MM-DD. */
  dates: readonly string[] | null;
  exceptDates: readonly string[] | null;
};

/** To which requests a rule applies; null: to any. All that is set must hold. */
export type Match = {
  kinds: readonly Kind[] | null;
  tenants: readonly string[] | null;
  accounts: readonly string[] | null;
  /** CAIP-19 ids. */
  assets: readonly string[] | null;
  chains: readonly string[] | null;
  wallets: readonly string[] | null;
  destinations: readonly Address[] | null;
  merchants: readonly string[] | null;
  endpoints: readonly string[] | null;
  spenders: readonly Address[] | null;
  /** Only more than this. */
  over: Amounts | null;
  /** Only a risk score above this; an unknown score is above any. */
  riskOver: number | null;
  when: When | null;
  // Absent, never null, where it is not set: versions and meters of documents from before it are what they were.
  /** What screening calls the destination. */
  riskCategories?: readonly string[];
  /** Whether the destination looks like another one that is known. */
  lookAlike?: boolean;
};

/** What becomes of a payment about whose destination nobody could be asked. */
export const WHEN_UNSCREENED = ['wait', 'hold', 'allow'] as const;
export type WhenUnscreened = (typeof WHEN_UNSCREENED)[number];

export type PolicyTier = {
  name: string;
  /** Null: any amount. */
  upTo: Amounts | null;
  /** The highest risk score, 0 to 100, that it takes; an unknown score is above any. Null: any. */
  maxRisk: number | null;
  commitAt: 'safe' | 'finalized';
  approvals: Requirement | null;
  /** The share of decisions, 0 to 1, that people look at afterwards. */
  auditSample: number;
  /** From which level on a payment is told to have succeeded. Absent: as the asset's tier of the configuration says. */
  waitUntil?: SettleAt;
  /** Absent: it waits. */
  whenUnscreened?: Exclude<WhenUnscreened, 'wait'>;
};

/** Both together: of what a limit counts, so much and so many. At least one is set. */
type Limit = { per: Dimension; amounts: Amounts | null; count: number | null };

export type Rule = { id: string; match: Match } & (
  | { type: 'allow' }
  | { type: 'deny' }
  | { type: 'cap'; amounts: Amounts }
  | ({ type: 'window'; windowMs: number } & Limit)
  | ({ type: 'lifetime' } & Limit)
  | { type: 'address_book'; coolDownMs: number }
  | { type: 'scope'; contracts: readonly Address[] | null; methods: readonly Method[] | null }
  | { type: 'schedule'; when: When }
  | { type: 'hold'; hold: HoldName; timeoutMs: number; onTimeout: 'deny' }
  | { type: 'tiers'; tiers: readonly PolicyTier[] }
);
export type RuleOf<Type extends Rule['type']> = Extract<Rule, { type: Type }>;

/** A document that was read and has no fault: amounts in base units, assets by CAIP-19 id. */
export type Policy = { rules: readonly Rule[] };

/** One thing that is wrong with a document, where it stands. `rule` is the id, if it has one. */
export type PolicyFault = {
  rule: string | null;
  path: string;
  line: number;
  column: number;
  found: string;
  expected: string;
};
