import type { AuditRow } from '../../../base/event/index.ts';
import type { Address, Refusal } from '../../../base/kernel/index.ts';
import type {
  ApiKey,
  Identity,
  KeyMerchant,
  KeyOrder,
  Merchant,
  NewApiKey,
  NonceBook,
  RateLimiter,
  Scope,
  Session,
} from '../../../books/access/index.ts';
import type { MoveView, WalletView } from '../../../hands/treasury/index.ts';
import type { ApprovalView } from '../../../roads/approval/index.ts';
import type {
  AddressBookOrder,
  AddressBookView,
  FreezeOrder,
  FreezeView,
  PolicyChangeView,
  PolicyOrder,
  Simulation,
} from '../../../roads/control/index.ts';
import type { BalanceView, DepositView, TransferView } from '../../../roads/deposit/index.ts';
import type { EndpointView, GatewayAnswer, GatewayRequest } from '../../../roads/gateway/index.ts';
import type { BreakView, ResumeView } from '../../../roads/reconcile/index.ts';
import type {
  HoldView,
  PreviewView,
  PublicStatus,
  Verdict,
  WithdrawalFilter,
  WithdrawalView,
} from '../../../roads/withdrawal/index.ts';
import type {
  Answer,
  PaymentView,
  RefundVerdict,
  RefundView,
  Supported,
  UsageView,
} from '../../../roads/x402/index.ts';
import type { EventView } from '../events/event-view.ts';
import type { OperatorServices, SessionServices } from './people-services.ts';

export type KeyPrincipal = Omit<Identity, 'tenantName'>;
/** An operator in the tenant that the request is about. */
export type OperatorPrincipal = Omit<KeyPrincipal, 'keyId' | 'scopes'> & {
  keyId: null;
  signature: null;
  scopes: readonly Scope[];
  session: Session;
};
/** Told apart by `keyId`. */
export type Principal = KeyPrincipal | OperatorPrincipal;

/** Who it is, as it is kept beside what they did. */
export function actorOf(principal: Principal): string {
  return principal.keyId === null
    ? `operator ${principal.session.name}`
    : `API key ${principal.keyId}`;
}

/** A body as it came, with the key it is to be done once under. */
export type Order = {
  idempotencyKey: string;
  body: unknown;
  correlationId: string;
  /** The person that asks, where it matters who did. */
  initiatedBy?: string;
};

export type DepositVerdict =
  | { kind: 'created' | 'replayed'; view: DepositView }
  | { kind: 'refused'; refusal: Refusal; replayed: boolean };

/** `limit` rows, newest first, with ids below `before`. */
export type Page = { limit: number; before: string | null };

export type ProposalView = { from: string; to: string; asset: string; amount: string };
type WalletChange = { by: string; note: string };

/** The hot wallets of a tenant. A change answers null where the tenant has no such wallet. */
type WalletServices = {
  list(tenantId: string): Promise<WalletView[]>;
  pause(tenantId: string, id: string, change: WalletChange): Promise<WalletView | Refusal | null>;
  resume(tenantId: string, id: string, change: WalletChange): Promise<WalletView | Refusal | null>;
  /** The moves begun now; none where nothing is above what is to be kept, or a sweep is under way. */
  sweep(tenantId: string, id: string, by: string): Promise<MoveView[] | Refusal | null>;
  rebalancing(tenantId: string): Promise<ProposalView[]>;
};

/** Holds that wait, and what the party that clears them says. */
type HoldServices = {
  list(tenantId: string, page: Page): Promise<HoldView[]>;
  answer(
    tenantId: string,
    id: string,
    said: { answer: 'cleared' | 'rejected'; body: unknown; by: string },
  ): Promise<HoldView | Refusal>;
};

/** What approvers are asked and answer; ids are of withdrawals. */
type ApprovalServices = {
  list(tenantId: string, page: Page): Promise<{ id: string; view: ApprovalView }[]>;
  get(tenantId: string, id: string): Promise<ApprovalView | null>;
  approve(tenantId: string, id: string, body: unknown): Promise<ApprovalView | Refusal>;
  reject(
    tenantId: string,
    id: string,
    said: { body: unknown; by: string },
  ): Promise<ApprovalView | Refusal>;
};

/** Made by a key, or by an operator. */
type Asker = Principal;

/** The keys of a tenant; what an asker makes or rotates has no more rights than its own key. */
type ApiKeyServices = {
  list(tenantId: string, page: Page): Promise<ApiKey[]>;
  get(tenantId: string, keyId: string): Promise<ApiKey | Refusal>;
  create(by: Asker, order: Omit<KeyOrder, 'tenantId'>): Promise<NewApiKey | Refusal>;
  rotate(by: Asker, keyId: string, overlapMs: number): Promise<NewApiKey | Refusal>;
  revoke(by: Asker, keyId: string): Promise<ApiKey | Refusal>;
};

/** One person freezes, two lift; another tenant's freezes are not there. */
type FreezeServices = {
  list(
    tenantId: string,
    filter: { state?: 'standing' | 'lifted' },
    page: Page,
  ): Promise<FreezeView[]>;
  freeze(order: FreezeOrder): Promise<{ placed: boolean; view: FreezeView } | Refusal>;
  lift(
    id: string,
    order: FreezeOrder,
  ): Promise<{ kind: 'proposed' | 'lifted'; view: FreezeView } | Refusal>;
};

type PaymentScope = { tenantId: string; merchantId: string | null };

/** The key is the merchant's name for a payment that its payer gives none. */
type Asking = { correlationId: string; idempotencyKey?: string };

/** Payments that merchants hand in. */
type X402Services = {
  /** To a merchant; null: to whom it is not known who asks. */
  supported(merchant: Merchant | null): Supported;
  /** Whose payments come without a key; null: nobody's. */
  anonymous(): Promise<Merchant | null>;
  /** Null: the key is its tenant's own. */
  merchantOfKey(keyId: string): Promise<KeyMerchant | null>;
  verify(merchant: Merchant, body: unknown, of: Asking): Promise<Answer>;
  settle(merchant: Merchant, body: unknown, of: Asking): Promise<Answer>;
  get(of: PaymentScope, id: string): Promise<PaymentView | null>;
  find(
    of: PaymentScope,
    keys: { authorizationId?: `0x${string}`; txHash?: `0x${string}`; identifier?: string },
  ): Promise<PaymentView[]>;
  refund(of: PaymentScope, id: string, request: Order): Promise<RefundVerdict>;
  /** Null: there is no such payment. */
  refunds(of: PaymentScope, id: string): Promise<RefundView[] | null>;
  /** Null: there is no such merchant. */
  usage(
    of: { tenantId: string; merchant: string },
    query: { from: Date; to: Date } & { limit: number; after: string | null },
  ): Promise<UsageView[] | null>;
};

type MerchantScope = PaymentScope & { actor: string; correlationId: string };

/** Priced endpoints, and the requests that pay for themselves. */
type GatewayServices = {
  /** Where payers find us: part of what they are told that they pay for. */
  origin(): string;
  answer(request: GatewayRequest): Promise<GatewayAnswer>;
  put(by: MerchantScope, body: unknown): Promise<EndpointView | Refusal>;
  list(by: MerchantScope): Promise<EndpointView[]>;
  get(by: MerchantScope, id: string): Promise<EndpointView | Refusal>;
  remove(by: MerchantScope, id: string): Promise<EndpointView | Refusal>;
  veto(by: MerchantScope, id: string, body: unknown): Promise<EndpointView | Refusal>;
};

/** The one policy of the installation: two persons change it, one vetoes. */
type PolicyServices = {
  list(page: Page): Promise<PolicyChangeView[]>;
  get(id: string): Promise<(PolicyChangeView & { document: string }) | Refusal>;
  diff(body: unknown): Promise<object | Refusal>;
  draft(order: PolicyOrder): Promise<PolicyChangeView | Refusal>;
  propose(id: string, order: PolicyOrder): Promise<PolicyChangeView | Refusal>;
  confirm(id: string, order: PolicyOrder): Promise<PolicyChangeView | Refusal>;
  veto(id: string, order: PolicyOrder): Promise<PolicyChangeView | Refusal>;
};

/** What the tenant knows; another tenant's book is not there. */
type AddressBookServices = {
  list(
    tenantId: string,
    filter: { account?: string; address?: Address },
    page: Page,
  ): Promise<AddressBookView[]>;
  add(order: AddressBookOrder): Promise<{ added: boolean; view: AddressBookView } | Refusal>;
  remove(id: string, order: AddressBookOrder): Promise<AddressBookView | Refusal>;
};

/**
 * What the server asks of the rooms below; bin makes it. Every call may throw Transient (nothing
 * happened) or UnknownOutcome (it may have happened); anything else that is thrown is answered as
 * `internal` with outcome unknown.
 */
export type Services = {
  /** One verdict per request, in order; a bad item never throws. */
  submit(tenantId: string, requests: Order[]): Promise<Verdict[]>;
  /** What would become of a request; changes nothing. */
  preview(
    tenantId: string,
    request: { body: unknown; correlationId: string },
  ): Promise<PreviewView | Refusal>;
  /** What a document would have said of the tenant's past withdrawals; changes nothing. */
  simulate(tenantId: string, body: unknown): Promise<Simulation | Refusal>;
  get(tenantId: string, id: string): Promise<WithdrawalView | null>;
  list(tenantId: string, filter: WithdrawalFilter, page: Page): Promise<WithdrawalView[]>;
  /** Resolves at that stage or beyond, at any end, after the time-out, or when the signal aborts. */
  waitFor(
    tenantId: string,
    id: string,
    status: PublicStatus,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<WithdrawalView | null>;
  /** The text of its evidence file; null: there is none. */
  evidence(tenantId: string, id: string): Promise<string | null>;
  /** CANCELLED, or under way with `waiting: cancelling`. */
  cancel(tenantId: string, id: string, correlationId: string): Promise<WithdrawalView | Refusal>;
  /** Each key is one bump; a refusal is not stored for it. */
  speedUp(tenantId: string, id: string, request: Order): Promise<Verdict>;

  deposit(tenantId: string, request: Order): Promise<DepositVerdict>;
  /** Null: there is no such account. */
  balances(tenantId: string, account: string, at: Date | null): Promise<BalanceView[] | null>;
  transfers(tenantId: string, account: string, page: Page): Promise<TransferView[] | null>;

  events(tenantId: string, after: bigint, limit: number): Promise<EventView[]>;
  lastPosition(tenantId: string): Promise<bigint>;
  /** Newest first. */
  audit(
    tenantId: string,
    filter: { action?: string; subject?: string },
    page: Page,
  ): Promise<AuditRow[]>;
  historyEpoch(): Promise<string>;
  /** Calls back when there may be new events; returns what ends it. A lost call costs a poll. */
  onEvents(callback: () => void): () => void;

  /** From memory at once, or after a look-up. Null for every kind of bad key. */
  authenticate(bearer: string): KeyPrincipal | null | Promise<KeyPrincipal | null>;
  rateLimits: Pick<RateLimiter, 'take' | 'charge'>;
  /** Of a signed request, once its body is found to be the signed one. */
  takeNonce: NonceBook['take'];
  /** Of every request that is let in; costs next to nothing. */
  noteUse(keyId: string, from: { readonly ip: string }): void;
  readiness(): Promise<{ ready: boolean; checks: Record<string, { ok: boolean; detail: string }> }>;
  /** Chains are everybody's; of the lanes on them the tenant's own are shown. */
  chains(tenantId: string): Promise<unknown[]>;
  wallets: WalletServices;
  approvals: ApprovalServices;
  x402: X402Services;
  gateway: GatewayServices;
  holds: HoldServices;
  apiKeys: ApiKeyServices;
  freezes: FreezeServices;
  addressBook: AddressBookServices;
  policies: PolicyServices;
  operators: OperatorServices;
  sessions: SessionServices;

  breaks(
    tenantId: string,
    filter: { state?: 'open' | 'resolved' },
    page: Page,
  ): Promise<BreakView[]>;
  readBreak(tenantId: string, id: string): Promise<BreakView | null>;
  resolveBreak(
    principal: Principal,
    id: string,
    said: { body: unknown; correlationId: string },
  ): Promise<{ kind: 'proposed' | 'done'; view: BreakView } | Refusal>;
  /** Null: there is no such chain. */
  resumeChain(
    principal: Principal,
    id: string,
    body: unknown,
  ): Promise<ResumeView | Refusal | null>;
};
