import type { AssetSettings, Assets } from '../../base/config/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { authorizationDigest } from '../../base/effect/index.ts';
import {
  type Address,
  type Clock,
  checksummed,
  type Hex,
  plainPath,
} from '../../base/kernel/index.ts';
import { findMerchant, type Merchant, type RateLimiter } from '../../books/access/index.ts';
import {
  answerGone,
  type GatewayAnswer,
  NOT_FOUND,
  PENDING,
  paidHeaders,
  paymentRequired,
  problem,
  TAKEN,
  TWO_NAMES,
  upstreamFailed,
} from './call/answers.ts';
import { insertChallenge, isCopied, judgeChallenge, readChallenge } from './call/challenge.ts';
import { type KeptRequest, readAnswer } from './call/kept.ts';
import { type Call, neededMs, openCall, readCall, setFailed, takeCall } from './call/rows.ts';
import {
  chargeCall,
  type Facilitator,
  type Payment,
  payCall,
  settlementFor,
} from './call/settle.ts';
import {
  MAX_TIMEOUT_SECONDS,
  paymentKeyOf,
  readSignature,
  requestHash,
  requirementsOf,
} from './call/wire.ts';
import { isPayable, matchEndpoint } from './endpoint/match.ts';
import { endpointsOf, type PricedEndpoint, readEndpoint } from './endpoint/rows.ts';
import type { Forwarder } from './forward/forwarder.ts';
import { forwardedHeaders } from './forward/headers.ts';

export type GatewayRequest = {
  tenant: string;
  merchant: string;
  method: string;
  /** Below the merchant, as it came; its query with the question mark, or ''. */
  path: string;
  search: string;
  /** The whole URL, by which it is told what was paid for. */
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The client's own name for what it asks; of the right form. */
  idempotencyKey: string | null;
  body: Buffer;
  /** Who asks, as far as the network tells. */
  address: string;
  correlationId: string;
};

/** A request with its price, and what of it identifies it. */
type Asked = {
  request: GatewayRequest;
  endpoint: PricedEndpoint;
  /** Null: nobody can pay by it now, and what was paid is answered. */
  asset: AssetSettings | null;
  merchant: Merchant;
  hash: Hex;
};

/** `mine`: this request has opened it, so that nobody else forwards what is charged by its answer. */
type Found = { call: Call; mine: boolean };

type GatewayContext = {
  db: Db;
  assets: Assets;
  clock: Clock;
  facilitator: Facilitator;
  forwarder: Forwarder;
  /** Takes a token for every challenge: of an address for one price, and of a merchant. */
  challenges: Pick<RateLimiter, 'take'>;
  /** The wallet that a payer by `upto` signs for; null: none of ours may take it there. */
  takerOf(merchant: Merchant, chainId: number): Address | null;
};

const WAIT_MS = 15_000;
const LOOK_MS = 100;

/**
 * A price in front of an HTTP API. Unpaid: 402 with a challenge for exactly this request. Paid: verified, written down,
 * settled, then forwarded once, and answered from what was kept for whoever asks again with the same payment. Where the
 * answer tells the price, it is forwarded when what was signed is good for the most; the answer is kept with its charge, and
 * told when that is settled.
 */
export class GatewayService {
  readonly #context: GatewayContext;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  async answer(request: GatewayRequest): Promise<GatewayAnswer> {
    const asked = await this.#find(request);
    if (asked === null) return problem(NOT_FOUND);
    const header = request.headers['payment-signature'];
    if (header === undefined) {
      const first = request.headers['x-payment'] !== undefined;
      return this.#challenge(asked, first ? 'invalid_x402_version' : 'payment_required');
    }
    const signed = typeof header === 'string' ? readSignature(header) : null;
    if (signed === null) return this.#challenge(asked, 'invalid_payload');
    const named = paymentKeyOf(signed, request.idempotencyKey);
    if (named === null) return problem(TWO_NAMES);
    const payment = { ...signed, named };
    const found = await this.#callOf(asked, payment);
    return 'kind' in found ? found : this.#resume(asked, payment, found);
  }

  async #find(request: GatewayRequest): Promise<Asked | null> {
    const { db, assets } = this.#context;
    const { tenant, merchant: name, method, search, body } = request;
    const path = plainPath(request.path);
    if (path === null) return null;
    const match = async (inForce: boolean) => {
      const endpoints = await endpointsOf(db, { tenant, merchant: name, inForce });
      return matchEndpoint(endpoints, { method, path });
    };
    // What was offered or paid holds, also where the price was taken away since.
    const paying = request.headers['payment-signature'] !== undefined;
    const endpoint = (await match(true)) ?? (paying ? await match(false) : null);
    const merchant = endpoint && (await findMerchant(db, { tenant, name }));
    if (!endpoint || !merchant) return null;
    const found = assets.find(endpoint.asset);
    const asset = found && isPayable(found, endpoint) ? found : null;
    const { merchantId } = merchant;
    const hash = requestHash({ merchantId, method, path, search, body });
    return { request, endpoint, asset, merchant, hash };
  }

  /** 402: what this request costs, and why what came does not pay it. */
  async #challenge(
    { request, endpoint, asset, hash, merchant }: Asked,
    error: string,
  ): Promise<GatewayAnswer> {
    if (!endpoint.inForce || asset === null) return problem(NOT_FOUND);
    const taker = endpoint.usage && this.#context.takerOf(merchant, asset.chainId);
    if (endpoint.usage !== null && taker === null) return problem(NOT_FOUND);
    const rate = this.#context.challenges.take({
      ...{ keyId: `${endpoint.firstId} ${request.address}`, tenantId: endpoint.merchantId },
      rateLimit: null,
    });
    if (rate !== null && rate.waitMs > 0) return { kind: 'limited', rate };
    const challengeId = await insertChallenge(this.#context.db, {
      endpointId: endpoint.id,
      requestHash: hash,
      lifeMs: MAX_TIMEOUT_SECONDS * 1000,
    });
    const { description } = endpoint;
    const resource = { url: request.url, ...(description === null ? {} : { description }) };
    const accepts = [requirementsOf(endpoint, asset, { challengeId, taker })];
    return paymentRequired({ error, resource, accepts }, rate);
  }

  /**
   * The call that a payment stands for: one that is known, or a new one once the payment is found good for this request. The
   * row is there before anything is reserved, so that a crash after it finds what was meant.
   */
  async #callOf(asked: Asked, payment: Payment): Promise<Found | GatewayAnswer> {
    const { db, facilitator } = this.#context;
    const { hash, merchant, request } = asked;
    const { correlationId } = request;
    const authorizationId = authorizationDigest(payment);
    const { signatureHash, challengeId } = payment;
    const key = { authorizationId, signatureHash, challengeId };
    const known = await readCall(db, key);
    if (known !== null) return this.#own(asked, known);
    const challenge = await readChallenge(db, payment.challengeId);
    const misfit = judgeChallenge(challenge, { requestHash: hash });
    if (misfit !== null) return this.#challenge(asked, misfit);
    // What was offered holds, also where there is another price by now.
    const offered = (await readEndpoint(db, challenge!.endpointId))!;
    const body = settlementFor(this.#context.assets, offered, { payment, url: request.url });
    if (body === null) return this.#challenge(asked, 'invalid_payload');
    if (offered.usage !== null && !this.#isGoodFor(payment, offered)) {
      return this.#challenge(asked, 'permit2_deadline_expired');
    }
    const naming = { correlationId, pricedEndpoint: offered.firstId, ...payment.named };
    const told = await facilitator.verify(merchant, body, naming);
    const found = await readCall(db, key);
    if (found !== null) return this.#own(asked, found);
    const paymentId = (told.body['extra'] as { paymentId?: string } | undefined)?.paymentId;
    const reason = told.body['invalidReason'];
    if (told.body['isValid'] !== true || paymentId === undefined) {
      // Signed anew under one identifier: it stands for the first.
      const first = paymentId === undefined ? null : await readCall(db, { paymentId });
      if (first !== null) {
        return isCopied(first, key) ? problem(TAKEN) : this.#own(asked, first);
      }
      if (told.status !== 200 && told.status !== 409) return problem(PENDING);
      const taken = told.status === 409 || reason === 'duplicate_settlement';
      if (taken) return problem(TAKEN);
      return this.#challenge(asked, String(reason));
    }
    const { tenantId } = merchant;
    const id = challenge!.id;
    const endpointId = offered.id;
    const requestHash = hash;
    const opening = { id, tenantId, endpointId, requestHash, authorizationId, paymentId };
    const kept = { correlationId, signatureHash, request: keptOf(request) };
    const { price: most, timeoutMs, usage } = offered;
    const charged = usage && { most, timeoutMs, payment: { body, ...payment.named } };
    const mine = await inTransaction(db, (sql) => openCall(sql, { ...opening, ...kept, charged }));
    const opened = await readCall(db, { paymentId });
    if (opened === null) return this.#challenge(asked, 'challenge_used');
    return isCopied(opened, key) ? problem(TAKEN) : this.#own(asked, opened, mine);
  }

  /** A payment pays the one request that it was signed for. */
  #own(asked: Asked, call: Call, mine = false): Found | Promise<GatewayAnswer> {
    return call.requestHash === asked.hash
      ? { call, mine }
      : this.#challenge(asked, 'challenge_of_another_request');
  }

  /** What is charged by its answer must not run out before that is there. */
  #isGoodFor({ deadline }: Payment, offered: PricedEndpoint): boolean {
    const until = BigInt(Math.ceil((this.#context.clock.now() + neededMs(offered)) / 1000));
    return deadline === null || deadline >= until;
  }

  /** Takes a call on from where it stands to its answer, or as far as the wait goes. */
  async #resume(asked: Asked, payment: Payment, { call: first, mine }: Found) {
    const { db, clock } = this.#context;
    const metered = mine && first.most !== null;
    let call = metered ? await this.#meter(asked, payment, first) : first;
    const deadline = clock.monotonic() + WAIT_MS;
    for (;;) {
      if (call.status === 'SERVED') return this.#served(call, metered);
      if (call.status === 'FAILED') return upstreamFailed(call);
      if (call.status === 'UNPAID') return this.#challenge(asked, call.failureCode!);
      if (call.status === 'PAYING') {
        const { merchant, request } = asked;
        const paying = { merchant, payment, url: request.url };
        if (!(await payCall(this.#context, paying, call))) return problem(PENDING);
      } else if (call.status === 'PAID') {
        const forwarded = await this.#forward(asked, call);
        if (forwarded !== null) return forwarded;
      } else if (call.status === 'CHARGING') {
        if (!(await chargeCall(this.#context, call))) return problem(PENDING);
      } else if (call.overdue) {
        // Whoever forwarded it is gone, and the upstream may have been asked.
        await inTransaction(db, (sql) => setFailed(sql, call, 'upstream_unknown'));
      } else if (clock.monotonic() >= deadline) {
        return problem(PENDING);
      } else await clock.sleep(LOOK_MS);
      call = (await readCall(db, { id: call.id }))!;
    }
  }

  /** Null: another one has it. */
  async #forward(asked: Asked, call: Call): Promise<GatewayAnswer | null> {
    const { db, forwarder } = this.#context;
    const offered = (await readEndpoint(db, call.endpointId))!;
    const taken = await inTransaction(db, (sql) => takeCall(sql, call, offered.timeoutMs));
    if (!taken) return null;
    const held: Call = { ...call, status: 'FORWARDING' };
    const forwarded = await forwarder.forward(held, offered, keptOf(asked.request));
    if (forwarded === null) return upstreamFailed(call);
    const { status, headers, body } = forwarded;
    return { kind: 'answer', status, headers: { ...headers, ...paidHeaders(call) }, body };
  }

  /** The call when its answer is written down with its charge, or that there is none. */
  async #meter({ request }: Asked, { payer }: Payment, call: Call): Promise<Call> {
    const { db, forwarder } = this.#context;
    const { usage, ...offered } = (await readEndpoint(db, call.endpointId))!;
    const metered = { endpoint: { ...offered, usage: usage! }, payer: checksummed(payer) };
    await forwarder.meter(call, metered, keptOf(request));
    return (await readCall(db, { id: call.id }))!;
  }

  async #served(call: Call, isFirst: boolean): Promise<GatewayAnswer> {
    const kept = await readAnswer(this.#context.db, call.id);
    if (kept === null) return answerGone(call);
    const { status, headers, body } = kept;
    const replayed = isFirst ? {} : { 'idempotent-replayed': 'true' };
    const told = { ...headers, ...paidHeaders(call), ...replayed };
    return { kind: 'answer', status, headers: told, body };
  }
}

/** Without what an upstream is never told: nobody's credentials are kept. */
function keptOf({ path, search, headers, body }: GatewayRequest): KeptRequest {
  return { path, search, headers: forwardedHeaders(headers, {}), body };
}
