import type { ChainPort } from '../../base/chain/index.ts';
import type { Assets, LaneSettings, Settings } from '../../base/config/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { type Clock, caip19, type Log, messageOf, Transient } from '../../base/kernel/index.ts';
import type { Merchant } from '../../books/access/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';
import type { Policies } from '../../books/policy/index.ts';
import { type Checked, checkOffline } from './check/check.ts';
import { OnChain } from './check/on-chain.ts';
import { Group } from './group.ts';
import { type Claimed, claimPayments, openEarnings } from './payment/claim.ts';
import { endDeliveries, notePending, releaseLease, takeOnce } from './payment/delivery.ts';
import { isPayers, type Known, lookUp } from './payment/look-up.ts';
import { hasEnded, outcomeOf } from './payment/outcome.ts';
import { type PaymentRow, readEach, readMoved, readPayments } from './payment/rows.ts';
import type { Wish } from './payment/wish.ts';
import { PaymentScreens } from './policy/screen.ts';
import { Seen } from './seen.ts';
import { payingLanes } from './supported.ts';
import { type Asking, findUnderWay } from './under-way.ts';
import { PaymentWaiters, tellHeads } from './waiters.ts';
import {
  type About,
  type Answer,
  aboutOf,
  invalid,
  pending,
  settled,
  undecided,
  unsettled,
  valid,
} from './wire/answers.ts';
import { REFUSED, type Reason } from './wire/reasons.ts';
import { type PaymentRequest, readRequest } from './wire/request.ts';

type ServiceContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  settings: Pick<Settings, 'policyVersion' | 'x402' | 'lanes' | 'chains' | 'guard' | 'screening'>;
  policies: Policies;
  ports(chainId: number): ChainPort | undefined;
  clock: Clock;
  log: Log;
};

/**
 * Beside a question's body: what a merchant calls the payment, where its payer does not; the gateway's price that it pays.
 */
type Told = { correlationId: string; idempotencyKey?: string; pricedEndpoint?: string };

/** The database is asked again as soon as it has answered; twice at a time where that many wait. */
const GROUP = { size: 200, rounds: 2, beside: 200 };

/**
 * The facilitator's two questions. Verify: may the merchant serve this payment; at most one caller has a yes at a time.
 * Settle: move the money, once; the answer is what the chain shows by the end of the wait, and a success is handed
 * out once. A fault on the way throws Transient or UnknownOutcome, and asked again the rows tell.
 */
export class FacilitatorService {
  readonly #context: ServiceContext;
  readonly #chain: OnChain;
  readonly #screens: PaymentScreens;
  readonly #paying: LaneSettings[];
  readonly #waiters: PaymentWaiters;
  readonly #seen = new Seen();
  readonly #lookUps: Group<Checked & { merchantId: string }, Known | null>;
  readonly #claims: Group<Wish, Claimed>;
  readonly #reads: Group<string, PaymentRow>;
  readonly #deliveries: Group<string, 'mine' | 'delivered' | 'on_its_way'>;
  readonly #endings: Group<{ id: string; delivered: boolean }, null>;

  constructor(context: ServiceContext) {
    const { db, clock, settings, assets, ledger, policies } = context;
    this.#context = context;
    this.#chain = new OnChain(context.ports);
    const { screening, x402 } = settings;
    this.#screens = new PaymentScreens({ db, clock, screening, withinMs: x402.waitMs / 2 });
    this.#paying = payingLanes(settings.lanes);
    this.#waiters = new PaymentWaiters({
      clock,
      heads: () => tellHeads(db),
      read: (ids) => readPayments(db, ids),
      moved: (seen) => readMoved(db, seen),
    });
    this.#lookUps = new Group({ ...GROUP, work: (items) => lookUp(db, items) });
    this.#claims = new Group({
      ...GROUP,
      work: async (wishes) => {
        await openEarnings(ledger, wishes);
        const options = { settings, policies, assets, ledger, leaseMs: x402.verifyLeaseMs };
        return inTransaction(db, (sql) => claimPayments(sql, wishes, options));
      },
    });
    this.#reads = new Group({ ...GROUP, work: (ids) => readEach(db, ids) });
    this.#deliveries = new Group({ ...GROUP, work: (ids) => takeOnce(db, ids) });
    this.#endings = new Group({
      ...GROUP,
      work: async (ended) => {
        await endDeliveries(db, ended);
        return ended.map(() => null);
      },
    });
  }

  async verify(merchant: Merchant, body: unknown, told: Told): Promise<Answer> {
    const request = readRequest(body, told.idempotencyKey);
    if ('reason' in request) return invalid(request, request.reason, request);
    const about = aboutOf(request);
    try {
      const checked = this.#check('verify', merchant, request);
      if (typeof checked === 'string') {
        const begun = await this.#underWay({ ...told, to: 'verify', merchant }, request);
        return begun === null ? invalid(about, checked) : await this.#look(about, begun);
      }
      const { reason, known } = await this.#judge(merchant, checked, { again: true });
      if (reason === 'unexpected_verify_error') return invalid(about, reason, { status: 503 });
      if (reason !== null) return invalid(about, reason);
      const parties = await this.#screens.ask(checked, known);
      const of = { ...told, isKnown: known !== null, parties };
      return await this.#serveOnce(about, this.#wish('verify', merchant, checked, of));
    } catch (error) {
      this.#tell(error, told.correlationId);
      // It may be under way: without `isValid` the merchant's package asks nobody to sign again.
      const body = { invalidReason: 'unexpected_verify_error', payer: about.payer };
      return { status: 202, body };
    }
  }

  async settle(merchant: Merchant, body: unknown, told: Told): Promise<Answer> {
    const request = readRequest(body, told.idempotencyKey);
    if ('reason' in request) return unsettled({ ...request, network: '' }, request.reason, request);
    const about = aboutOf(request);
    const checked = this.#check('settle', merchant, request);
    try {
      if (typeof checked === 'string') {
        const begun = await this.#underWay({ ...told, to: 'settle', merchant }, request);
        if (begun === null) return unsettled(about, checked);
        return await this.#awaitEnd(about, merchant, begun);
      }
      const { reason, known } = await this.#judge(merchant, checked, { again: false });
      if (reason === 'unexpected_settle_error') return unsettled(about, reason, { status: 503 });
      if (reason !== null) return unsettled(about, reason);
      const parties = await this.#screens.ask(checked, known);
      const of = { ...told, isKnown: known !== null, parties };
      const claimed = await this.#claim(this.#wish('settle', merchant, checked, of));
      if (!('id' in claimed)) return unsettled(about, ...REFUSED[claimed.kind]);
      const begun =
        claimed.kind === 'reserved' ? claimed.payment : await this.#reads.enter(claimed.id);
      return await this.#awaitEnd(about, merchant, begun);
    } catch (error) {
      this.#tell(error, told.correlationId);
      // It may be reserved: without `success` the merchant's package asks nobody to pay again.
      const body = { errorReason: 'unexpected_settle_error', ...about, transaction: '' };
      return { status: 202, body };
    }
  }

  readonly headMoved = (): void => this.#waiters.wake();

  /** Waits are cut, what is being written is finished. */
  async drain(): Promise<void> {
    this.#waiters.releaseAll();
    this.#screens.releaseAll();
    await Promise.all([this.#claims.drain(), this.#deliveries.drain(), this.#endings.drain()]);
  }

  #check(to: Wish['to'], merchant: Merchant, request: PaymentRequest) {
    const { assets, clock } = this.#context;
    const now = clock.now();
    return checkOffline(request, { to, merchant, paying: this.#paying, assets, now });
  }

  /**
   * What the chain says of a payment that is not under way; of one that was verified before only on wish, since it is simulated
   * once more before it is signed. A verify of what this process never saw asks the chain at once: it is new, or another
   * process has it, and then the claim finds it. A node that can not be asked before anything is known is told as such.
   */
  async #judge(
    { merchantId }: Merchant,
    checked: Checked,
    { again }: { again: boolean },
  ): Promise<{ reason: Reason | null; known: Known | null }> {
    const lookUp = () => this.#lookUps.enter({ ...checked, merchantId });
    const isFirst = this.#seen.add(checked.authorizationId);
    const known = again && isFirst ? null : await lookUp();
    if (isPayers(checked, known) && !(again && known.isOpen)) return { reason: null, known };
    let reason: Reason | null;
    try {
      reason = await this.#chain.judge(checked.request, checked.signedByKey());
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      reason = again ? 'unexpected_verify_error' : 'unexpected_settle_error';
    }
    if (reason === null) return { reason, known };
    // It may be this very payment, settled at this moment by another call: its nonce is used then, and its money gone.
    const now = await lookUp();
    return { reason: isPayers(checked, now) && !now.isOpen ? null : reason, known: now };
  }

  #wish(
    to: Wish['to'],
    merchant: Merchant,
    checked: Checked,
    told: Told & Pick<Wish, 'isKnown' | 'parties'>,
  ): Wish {
    const { chainId, asked } = checked.request;
    const asset = this.#context.assets.find(caip19(chainId, asked.token))!;
    const { correlationId, pricedEndpoint = null, isKnown, parties } = told;
    return { to, merchant, checked, asset, pricedEndpoint, correlationId, isKnown, parties };
  }

  async #claim(wish: Wish): Promise<Exclude<Claimed, { kind: 'unscreened' }>> {
    const claimed = await this.#claims.enter(wish);
    if (claimed.kind === 'unscreened') throw new Transient('screening can not say anything now');
    return claimed;
  }

  #underWay(by: Asking, request: PaymentRequest): Promise<PaymentRow | null> {
    const { merchantId } = by.merchant;
    return findUnderWay(request, {
      ...by,
      lookUp: (checked) => this.#lookUps.enter({ ...checked, merchantId }),
      read: (id) => this.#reads.enter(id),
    });
  }

  /** A lease for the caller; or, while another has it, the wait for what becomes of it. */
  async #serveOnce(about: About, wish: Wish): Promise<Answer> {
    const { clock, settings } = this.#context;
    const deadline = clock.monotonic() + settings.x402.waitMs;
    for (;;) {
      const claimed = await this.#claim(wish);
      if (!('id' in claimed)) return invalid(about, ...REFUSED[claimed.kind]);
      if (claimed.kind === 'leased') return valid(about, claimed.payment);
      const row = await this.#reads.enter(claimed.id);
      const waitMs = Math.min(deadline - clock.monotonic(), LEASE_LOOK_MS);
      const told = await this.#look(about, row, waitMs);
      if (told.status !== 202 || clock.monotonic() >= deadline) return told;
    }
  }

  /** What became of a payment by then, for who asks whether to serve it. */
  async #look(about: About, begun: PaymentRow, withinMs?: number): Promise<Answer> {
    const waitMs = withinMs ?? this.#context.settings.x402.waitMs;
    const row = await this.#waiters.wait(begun, { waitMs, until: hasEnded });
    const outcome = outcomeOf(row);
    if (outcome.kind === 'paid') return invalid(about, 'duplicate_settlement', { row });
    if (outcome.kind === 'failed') return invalid(about, outcome.reason, { row });
    return undecided(about, row);
  }

  async #awaitEnd(about: About, merchant: Merchant, begun: PaymentRow): Promise<Answer> {
    const { db, settings, clock } = this.#context;
    const deadline = clock.monotonic() + settings.x402.waitMs;
    const { id } = begun;
    let row = begun;
    for (;;) {
      const waitMs = deadline - clock.monotonic();
      row = await this.#waiters.wait(row, { waitMs, until: hasEnded });
      // What was signed since the last block is read at the end of the wait only.
      if (!hasEnded(outcomeOf(row))) row = await this.#reads.enter(id);
      const outcome = outcomeOf(row);
      if (outcome.kind === 'failed') {
        await releaseLease(db, id);
        return unsettled(about, outcome.reason, { transaction: outcome.txHash, row });
      }
      if (outcome.kind !== 'paid') {
        const txHash = outcome.kind === 'under_way' ? outcome.txHash : null;
        const last = txHash === null ? true : await notePending(db, id);
        return pending(about, row, txHash, last);
      }
      const answer = settled(about, outcome.txHash, row);
      if (merchant.replays) return answer;
      const delivery = await this.#deliveries.enter(id);
      if (delivery === 'mine') return { ...answer, ended: (left) => this.#endDelivery(id, left) };
      if (delivery === 'delivered' || clock.monotonic() >= deadline) {
        return unsettled(about, 'duplicate_settlement', { transaction: outcome.txHash, row });
      }
      await clock.sleep(ON_ITS_WAY_MS);
    }
  }

  /** Not waited for: where it is lost, the success is free again after its time. */
  #endDelivery(id: string, delivered: boolean): void {
    this.#endings.enter({ id, delivered }).catch((error) => this.#tell(error, id));
  }

  #tell(error: unknown, correlationId: string): void {
    const expected = error instanceof Transient;
    this.#context.log[expected ? 'warn' : 'error'](
      { correlationId, error: messageOf(error) },
      'a payment could not be answered',
    );
  }
}

/** Who waits for a lease looks again after this long: it may have run out. */
const LEASE_LOOK_MS = 1_000;
const ON_ITS_WAY_MS = 50;
