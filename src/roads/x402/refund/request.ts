import type { AssetSettings } from '../../../base/config/index.ts';
import { isRefusal, keyHash, parseForm, type Refusal } from '../../../base/kernel/index.ts';
import { checkIdempotencyKey, idempotencyHash } from '../../../books/access/index.ts';
import { readAmount } from '../../../books/ledger/index.ts';

/** A refund that is well formed. */
export type RefundOrder = {
  paymentId: string;
  /** Base units; null: all that has not gone back. */
  amount: bigint | null;
  reason: string;
  idempotencyKey: string;
  keyHash: string;
  contentHash: string;
  correlationId: string;
  initiatedBy: string | null;
};

/** A refund as it was asked for. */
export type RefundRequest = {
  idempotencyKey: string;
  body: unknown;
  correlationId: string;
  /** The person that asks; absent: nobody, it is given back by itself. */
  initiatedBy?: string;
};

const FIELDS = new Set(['amount', 'reason']);

export function parseRefund(
  request: RefundRequest,
  of: { tenantId: string; paymentId: string; asset: AssetSettings },
): RefundOrder | Refusal {
  const { idempotencyKey, correlationId, initiatedBy = null } = request;
  const badKey = checkIdempotencyKey(idempotencyKey);
  if (badKey !== null) return badKey;
  const form = parseForm(request.body, FIELDS, (fields) => {
    const given = fields.raw('amount');
    const all = given === undefined || given === null;
    const amount = all ? null : readAmount(fields, of.asset);
    const reason = fields.label('reason');
    return reason === null ? null : { amount, reason };
  });
  if (isRefusal(form)) return form;
  const { tenantId, paymentId } = of;
  return {
    ...form,
    paymentId,
    idempotencyKey,
    correlationId,
    initiatedBy,
    keyHash: idempotencyHash(tenantId, 'refund', idempotencyKey),
    contentHash: keyHash('refund', paymentId, form.amount?.toString() ?? '', form.reason),
  };
}
