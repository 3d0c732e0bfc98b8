import type { Readable } from 'node:stream';
import { type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { RateVerdict } from '../../../books/access/index.ts';
import type { Call } from './rows.ts';
import { encode, OFFERED } from './wire.ts';

export type GatewayAnswer =
  | {
      kind: 'answer';
      status: number;
      headers: Record<string, string>;
      body: Buffer | Readable;
      /** Of a challenge: how many more may be asked for. */
      rate?: RateVerdict;
    }
  /** More was asked for without a payment than one may; nothing was written. */
  | { kind: 'limited'; rate: RateVerdict }
  | { kind: 'problem'; refusal: Refusal; headers: Record<string, string> };

export const NOT_FOUND = refuse('not_found', 'Nothing is offered here.');
export const PENDING = refuse(
  'payment_pending',
  'The payment or its answer is under way: send the same request with the same payment again.',
);
export const TAKEN = refuse(
  'payment_conflict',
  'This payment is another request’s: ask without a payment for a new challenge.',
);

export const TWO_NAMES = refuse(
  'idempotency_key_mismatch',
  'Idempotency-Key and the payment-identifier in PAYMENT-SIGNATURE are not the same.',
);

/** Served once and not kept any more: nobody is charged, and nobody is served, again. */
export function answerGone(call: Call): GatewayAnswer {
  const detail = 'This payment was served, and the answer is not kept any more.';
  const refusal = refuse('answer_gone', detail, { members: { paymentId: call.paymentId } });
  return { kind: 'problem', refusal, headers: paidHeaders(call) };
}

export function problem(refusal: Refusal): GatewayAnswer {
  return { kind: 'problem', refusal, headers: {} };
}

/** What a request costs, and why what came does not pay it. */
export function paymentRequired(
  of: { error: string; resource: object; accepts: readonly object[] },
  rate: RateVerdict | null,
): GatewayAnswer {
  const required = { x402Version: 2, ...of, extensions: OFFERED };
  return {
    kind: 'answer',
    // 412 as the packages say it: the payer has to allow Permit2 its tokens first.
    status: of.error === 'permit2_allowance_required' ? 412 : 402,
    headers: { 'content-type': 'application/json', 'payment-required': encode(required) },
    body: Buffer.from(JSON.stringify(required)),
    ...(rate === null ? {} : { rate }),
  };
}

/** What the payer is told of its payment. */
export function receiptOf({
  success,
  transaction,
  network,
  payer,
  amount,
  extra,
}: Record<string, unknown>) {
  return { success, transaction, network, payer, amount, extra };
}

export function paidHeaders({ receipt }: Call): Record<string, string> {
  return receipt === null ? {} : { 'payment-response': encode(receipt) };
}

/** Paid, and no answer: what becomes of the money is the endpoint's policy. */
export function upstreamFailed(call: Call): GatewayAnswer {
  const { onFailure, paymentId, refundId, refundRefused } = call;
  const next = {
    refund: 'The payment goes back to its payer.',
    retry: 'Ask again with the same payment: it is tried again and not charged.',
    keep: 'The payment is kept.',
    release: 'Nothing is charged.',
  }[onFailure];
  const refused = refundRefused === null ? {} : { refundRefused };
  const members = { paymentId, onFailure, ...(refundId === null ? {} : { refundId }), ...refused };
  const refusal = refuse('upstream_failed', `The API behind the gateway did not answer. ${next}`, {
    members,
  });
  return { kind: 'problem', refusal, headers: paidHeaders(call) };
}
