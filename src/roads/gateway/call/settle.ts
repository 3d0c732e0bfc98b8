import type { Assets } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { findMerchantOf, type Merchant } from '../../../books/access/index.ts';
import { isPayable } from '../endpoint/match.ts';
import { type PricedEndpoint, readEndpoint } from '../endpoint/rows.ts';
import { receiptOf } from './answers.ts';
import { readPayment } from './kept.ts';
import { type Call, setCharged, setPaid, setUnpaid } from './rows.ts';
import { requirementsOf, type SignedHeader, settlementOf } from './wire.ts';

/** Declared here and given by bin: the gateway asks for payments as any merchant of the facilitator does. */
export type Facilitator = {
  verify(merchant: Merchant, body: unknown, of: Naming): Promise<Told>;
  settle(merchant: Merchant, body: unknown, of: Naming): Promise<Told>;
};
type Naming = { correlationId: string; pricedEndpoint: string; idempotencyKey?: string };
type Told = { status: number; body: Record<string, unknown> };

/** A payment as it came, and what names it beside its payload. */
export type Payment = SignedHeader & { named: Pick<Naming, 'idempotencyKey'> };

/** What is asked of the facilitator; null: what it says it pays in is not what was offered. */
export function settlementFor(
  assets: Assets,
  offered: PricedEndpoint,
  { payment, url }: { payment: Payment; url: string },
) {
  const { chainId, token, challengeId } = payment;
  const asset = assets.find(offered.asset);
  if (asset?.chainId !== chainId || asset.address !== token) return null;
  if (!isPayable(asset, offered)) return null;
  return settlementOf(payment, requirementsOf(offered, asset, { challengeId }), url);
}

/**
 * The merchant of a payment that is under way. The gateway remembers what it served, so it is told of a success as often as
 * it asks. What was offered holds, also where the merchant takes something else by now: a payment under way is not told
 * as refused.
 */
function payeeOf(merchant: Merchant, { asset, payTo }: PricedEndpoint): Merchant {
  return { ...merchant, replays: true, payTo: [payTo], assets: [{ asset, maxAmount: null }] };
}

/** Has a call's price paid, before it is forwarded. False: nobody knows yet whether it is. */
export async function payCall(
  { db, assets, facilitator }: { db: Db; assets: Assets; facilitator: Pick<Facilitator, 'settle'> },
  { merchant, ...paid }: { merchant: Merchant; payment: Payment; url: string },
  call: Call,
): Promise<boolean> {
  const offered = (await readEndpoint(db, call.endpointId))!;
  const body = settlementFor(assets, offered, paid);
  if (body === null) return false;
  const { correlationId } = call;
  const naming = { correlationId, pricedEndpoint: offered.firstId, ...paid.payment.named };
  const told = await facilitator.settle(payeeOf(merchant, offered), body, naming);
  if (told.body['success'] === true) {
    await setPaid(db, call, receiptOf(told.body));
    return true;
  }
  return endUnpaid(db, call, told);
}

/**
 * Has a call paid what its answer came to, by what is kept of it, whoever asks. A crash on the way leaves the record, and a
 * payment that knows its charge. False: nobody knows yet whether it is paid.
 */
export async function chargeCall(
  { db, facilitator }: { db: Db; facilitator: Pick<Facilitator, 'settle'> },
  call: Call,
): Promise<boolean> {
  const offered = (await readEndpoint(db, call.endpointId))!;
  const { tenantId, merchant: name } = offered;
  const merchant = await findMerchantOf(db, { tenantId, name });
  const payment = await readPayment(db, call.id);
  // By now it has ended.
  if (payment === null) return true;
  if (merchant === null) return false;
  const { body, ...named } = payment;
  const amount = String(call.charge);
  const paymentRequirements = { ...body.paymentRequirements, amount };
  const naming = { correlationId: call.correlationId, pricedEndpoint: offered.firstId, ...named };
  const asked = { ...body, paymentRequirements };
  const told = await facilitator.settle(payeeOf(merchant, offered), asked, naming);
  if (told.body['success'] === true) {
    await setCharged(db, call, receiptOf(told.body));
    return true;
  }
  return endUnpaid(db, call, told);
}

/**
 * Ends a call whose payment has ended without paying. A no to a payment that has not (its time is over by this process's
 * clock, its payer's money is gone for now) may be overtaken by another process that reserves it: the job tells, by the
 * payment. False: nobody knows yet.
 */
async function endUnpaid(db: Db, call: Call, { status, body }: Told): Promise<boolean> {
  const { success, errorReason, extra } = body;
  const isOver = status === 200 && success === false && errorReason !== 'settlement_pending';
  if (!isOver || extra === undefined) return false;
  await setUnpaid(db, call, String(errorReason));
  return true;
}
