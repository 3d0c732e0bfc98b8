import { randomUUID } from 'node:crypto';
import type { AuditRow } from '../../base/event/index.ts';
import { type Refusal, refuse, systemClock } from '../../base/kernel/index.ts';
import { type Grant, RateLimiter } from '../../books/access/index.ts';
import type { BalanceView, DepositView, TransferView } from '../../roads/deposit/index.ts';
import type { BreakView, ResumeView } from '../../roads/reconcile/index.ts';
import type {
  PublicStatus,
  Verdict,
  WithdrawalFilter,
  WithdrawalView,
} from '../../roads/withdrawal/index.ts';
import { FakeAddressBook } from './address-book.fixture.ts';
import { FakeApiKeys, principalOf } from './api-keys.fixture.ts';
import { FakeApprovals } from './approvals/approvals.fixture.ts';
import type { EventView } from './event-view.ts';
import { FakeFreezes } from './freezes.fixture.ts';
import { FakeGateway } from './gateway.fixture.ts';
import { FakeOperators, FakeSessions } from './operators.fixture.ts';
import { FakePolicies, fakePreview, fakeSimulate } from './policies.fixture.ts';
import { FakeHolds } from './policy/holds.fixture.ts';
import type { DepositVerdict, KeyPrincipal, Order, Page, Principal, Services } from './services.ts';
import { BALANCE, DEPOSIT, EVENT, withdrawalView } from './views.fixture.ts';
import { FakeWallets } from './wallets.fixture.ts';
import { FakeX402 } from './x402.fixture.ts';

export const TENANT = '01890000-0000-7000-8000-000000000001';
export const OTHER_TENANT = '01890000-0000-7000-8000-000000000002';

const ALL: Grant[] = ['withdrawals:*', 'payments:*', 'ledger:*', 'events:read', 'admin'];

/** The rooms below the door, in memory, for tests. `fault` makes every call throw it. */
export class FakeServices implements Services {
  fault: unknown = null;
  /** Answers of submit and deposit for bodies that carry `refuse`. */
  refusals: Record<string, { refusal: Refusal; replayed: boolean }> = {};
  keys: Record<string, KeyPrincipal> = {
    all: principalOf(TENANT, 'k1', ALL),
    other: principalOf(OTHER_TENANT, 'k2', ALL),
    none: principalOf(TENANT, 'k3', []),
  };
  /** Set: authenticate answers by a promise, as after a look-up. */
  slowKeys = false;
  /** Submits wait for it. */
  gate: Promise<void> = Promise.resolve();
  x402 = new FakeX402(TENANT);
  submitted: Order[][] = [];
  withdrawals: (WithdrawalView & { tenantId: string })[] = [];
  lastFilter: WithdrawalFilter | null = null;
  cancelAnswer: WithdrawalView | Refusal | null = null;
  speedUps: Order[] = [];
  deposits = new Map<string, DepositView>();
  lastAt: Date | null = null;
  statement: TransferView[] = [];
  found: (BreakView & { tenantId: string })[] = [];
  history: (EventView & { tenantId: string })[] = [];
  acts: (AuditRow & { tenantId: string })[] = [];
  epoch = 'epoch-1';
  eventReads = 0;
  onEventRead: () => void = () => {};
  listeners = new Set<() => void>();
  ready = true;
  wallets = new FakeWallets(TENANT);
  approvals = new FakeApprovals(TENANT);
  gateway = new FakeGateway(TENANT);
  holds = new FakeHolds(TENANT);
  apiKeys = new FakeApiKeys(TENANT);
  freezes = new FakeFreezes(TENANT);
  addressBook = new FakeAddressBook(TENANT);
  policies = new FakePolicies();
  operators = new FakeOperators(TENANT);
  sessions = new FakeSessions();
  rateLimits = new RateLimiter({ clock: systemClock, key: null, tenant: null });
  uses: { keyId: string; ip: string }[] = [];
  /** Resolves the running waitFor calls. */
  reached = new Set<() => void>();

  preview = fakePreview;
  simulate = fakeSimulate;

  async submit(tenantId: string, requests: Order[]): Promise<Verdict[]> {
    await this.gate;
    this.#throwFault();
    this.submitted.push(requests);
    return requests.map((request): Verdict => {
      const body = request.body as { refuse?: string };
      const refused = this.refusals[body.refuse ?? ''];
      if (refused !== undefined) return { kind: 'refused', ...refused };
      const known = this.withdrawals.find(
        (one) => one.tenantId === tenantId && one.idempotencyKey === request.idempotencyKey,
      );
      if (known !== undefined) return { kind: 'replayed', view: known };
      const view = withdrawalView(request);
      this.withdrawals.unshift({ ...view, tenantId });
      return { kind: 'created', view };
    });
  }

  async evidence(tenantId: string, id: string): Promise<string | null> {
    this.#throwFault();
    const found = await this.get(tenantId, id);
    return found === null ? null : `{"withdrawalId":"${id}"}\n`;
  }

  async get(tenantId: string, id: string): Promise<WithdrawalView | null> {
    this.#throwFault();
    return this.withdrawals.find((one) => one.tenantId === tenantId && one.id === id) ?? null;
  }

  async list(tenantId: string, filter: WithdrawalFilter, page: Page): Promise<WithdrawalView[]> {
    this.#throwFault();
    this.lastFilter = filter;
    const mine = this.withdrawals.filter((one) => one.tenantId === tenantId);
    const from = page.before === null ? 0 : mine.findIndex((one) => one.id === page.before) + 1;
    return mine.slice(from, from + page.limit);
  }

  async waitFor(
    tenantId: string,
    id: string,
    _status: PublicStatus,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<WithdrawalView | null> {
    this.#throwFault();
    if (timeoutMs > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.reached.add(resolve);
        signal.addEventListener('abort', () => resolve());
      });
    }
    return signal.aborted ? null : this.get(tenantId, id);
  }

  async cancel(tenantId: string, id: string): Promise<WithdrawalView | Refusal> {
    this.#throwFault();
    const found = await this.get(tenantId, id);
    if (found === null) return refuse('not_found', 'There is no withdrawal with this id.');
    return this.cancelAnswer ?? { ...found, status: 'CANCELLED' };
  }

  async speedUp(tenantId: string, id: string, request: Order): Promise<Verdict> {
    this.#throwFault();
    const found = await this.get(tenantId, id);
    this.speedUps.push(request);
    if (found !== null) return { kind: 'created', view: found };
    return { kind: 'refused', refusal: refuse('not_found', 'None.'), replayed: false };
  }

  async deposit(_tenantId: string, request: Order): Promise<DepositVerdict> {
    this.#throwFault();
    const body = request.body as { refuse?: string };
    const refused = this.refusals[body.refuse ?? ''];
    if (refused !== undefined) return { kind: 'refused', ...refused };
    const known = this.deposits.get(request.idempotencyKey);
    if (known !== undefined) return { kind: 'replayed', view: known };
    const { idempotencyKey, correlationId } = request;
    const view = { ...DEPOSIT, idempotencyKey, correlationId };
    this.deposits.set(idempotencyKey, view);
    return { kind: 'created', view };
  }

  async balances(_tenant: string, account: string, at: Date | null): Promise<BalanceView[] | null> {
    this.#throwFault();
    this.lastAt = at;
    return account === 'alice' ? [BALANCE] : null;
  }

  async transfers(_tenant: string, account: string, page: Page): Promise<TransferView[] | null> {
    this.#throwFault();
    if (account !== 'alice' && account !== 'bob') return null;
    const from = this.statement.findIndex((one) => one.id === page.before) + 1;
    return this.statement.slice(from, from + page.limit);
  }

  async events(tenantId: string, after: bigint, limit: number): Promise<EventView[]> {
    this.#throwFault();
    this.eventReads += 1;
    this.onEventRead();
    return this.history
      .filter((event) => event.tenantId === tenantId && event.position > after)
      .slice(0, limit)
      .map(({ tenantId: _, ...event }) => event);
  }

  async lastPosition(tenantId: string): Promise<bigint> {
    const mine = this.history.filter((event) => event.tenantId === tenantId);
    return mine.at(-1)?.position ?? 0n;
  }

  async audit(
    tenantId: string,
    { action, subject }: { action?: string; subject?: string },
    { limit, before }: Page,
  ): Promise<AuditRow[]> {
    return this.acts
      .filter(
        (row) =>
          row.tenantId === tenantId &&
          (action === undefined || row.action === action) &&
          (subject === undefined || row.subject === subject) &&
          (before === null || row.id < before),
      )
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit)
      .map(({ tenantId: _, ...row }) => row);
  }

  async historyEpoch(): Promise<string> {
    return this.epoch;
  }

  onEvents(callback: () => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  /** Adds events of a tenant and wakes the streams. */
  append(count: number, tenantId = TENANT, data: Record<string, unknown> | null = null): void {
    for (let n = 0; n < count; n += 1) {
      const position = (this.history.at(-1)?.position ?? 0n) + 1n;
      this.history.push({ ...EVENT, id: randomUUID(), position, data, tenantId });
    }
    for (const listener of this.listeners) listener();
  }

  authenticate(bearer: string): KeyPrincipal | null | Promise<KeyPrincipal | null> {
    this.#throwFault();
    const found = this.keys[bearer] ?? null;
    return this.slowKeys ? Promise.resolve(found) : found;
  }

  /** Nonces that were taken; what `created` says is not looked at. */
  nonces: string[] = [];
  takeNonce: Services['takeNonce'] = async ({ nonce }) => {
    this.#throwFault();
    if (this.nonces.includes(nonce)) return 'reused';
    this.nonces.push(nonce);
    return 'taken';
  };

  noteUse(keyId: string, { ip }: { ip: string }): void {
    this.uses.push({ keyId, ip });
  }

  async readiness() {
    this.#throwFault();
    return { ready: this.ready, checks: { database: { ok: this.ready, detail: 'reachable' } } };
  }

  async chains(): Promise<unknown[]> {
    return [{ id: 'local', latest: '12' }];
  }

  async breaks(tenantId: string, filter: { state?: 'open' | 'resolved' }, page: Page) {
    const mine = this.found.filter((one) => one.tenantId === tenantId);
    const from = page.before === null ? 0 : mine.findIndex((one) => one.id === page.before) + 1;
    const asked = mine.filter((one) => (filter.state ?? one.state) === one.state);
    return asked.slice(from, from + page.limit);
  }

  async readBreak(tenantId: string, id: string): Promise<BreakView | null> {
    return this.found.find((one) => one.tenantId === tenantId && one.id === id) ?? null;
  }

  async resolveBreak({ tenantId }: Principal, id: string, said: { body: unknown }) {
    const view = await this.readBreak(tenantId, id);
    if (view === null) return refuse('not_found', 'There is no break with this id.');
    return { kind: (said.body as { kind: 'done' | 'proposed' }).kind, view };
  }

  async resumeChain({ personId }: Principal, id: string): Promise<ResumeView | null> {
    const said = { evidence: 'e', proposedBy: personId, confirmedBy: null };
    return id === 'local'
      ? { chain: id, chainId: 1, halted: 'why', status: 'proposed', ...said }
      : null;
  }

  #throwFault(): void {
    if (this.fault !== null) throw this.fault;
  }
}
