import type { AssetSettings } from '../../../base/config/index.ts';
import {
  formatAmount,
  type PaymentState,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import { levelOf } from '../payment/outcome.ts';
import type { PaymentRow } from '../payment/rows.ts';

type Facts = {
  payment: Pick<PaymentRow, 'status' | 'paid' | 'head' | 'amount' | 'refunded' | 'custody'>;
  asset: Pick<AssetSettings, 'id' | 'decimals'>;
  /** Base units; null: everything that has not gone back. */
  wanted: bigint | null;
  /** What the merchant's account has available; null: it never had anything of this asset. */
  available: bigint | null;
};

const SETTLED: readonly PaymentState[] = ['SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED'];

/**
 * How much goes back to the payer, in base units, or why nothing does: what was settled, is final and has not gone back,
 * out of what the merchant has. Pure.
 */
export function decideRefund({ payment, asset, wanted, available }: Facts): bigint | Refusal {
  const { status, amount, refunded, head, custody } = payment;
  if (!SETTLED.includes(status)) {
    return refuse('not_refundable', `The payment is ${status}: only what was settled goes back.`, {
      members: { reason: 'not_settled' },
    });
  }
  if (head?.halted !== false || levelOf(payment) !== 'finalized') {
    const detail = 'The payment is not final on its chain yet: ask again when it is.';
    return refuse('not_refundable', detail, { members: { reason: 'not_final' } });
  }
  const show = (atomic: bigint) => formatAmount(atomic, asset.decimals);
  const rest = amount - refunded;
  const given = wanted ?? rest;
  if (given > rest || rest === 0n) {
    const detail = `Of ${show(amount)} ${asset.id} there are ${show(rest)} that have not gone back.`;
    return refuse('refund_exceeds_payment', detail, { members: { refundable: show(rest) } });
  }
  if (custody === null && available === null) {
    const detail =
      'The money went to a wallet that is not ours, and the merchant’s account has none.';
    return refuse('not_custodial', detail);
  }
  if ((available ?? 0n) < given) {
    const members = { available: show(available ?? 0n), required: show(given) };
    const detail = `The merchant has ${members.available} ${asset.id} available, the refund is ${members.required}.`;
    return refuse('insufficient_balance', detail, { members });
  }
  return given;
}
