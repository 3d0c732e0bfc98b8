import { type Checked, checkAgain } from './check/check.ts';
import { isPayers, type Known } from './payment/look-up.ts';
import type { PaymentRow } from './payment/rows.ts';
import { isAlike, isTheirs, type Wish } from './payment/wish.ts';
import type { PaymentRequest } from './wire/request.ts';

/** Who asks what about a payment; the gateway by the price that it pays. */
export type Asking = {
  to: Wish['to'];
  merchant: { merchantId: string };
  pricedEndpoint?: string;
};

/**
 * The payment that was reserved by what is handed in. What is asked about it is what became of it, whatever its merchant may
 * have by now, and however late it is: a no would have its payer sign once more. Null: there is none, or it pays for
 * something else.
 */
export async function findUnderWay(
  request: PaymentRequest,
  by: Asking & {
    lookUp(checked: Checked): Promise<Known | null>;
    read(id: string): Promise<PaymentRow>;
  },
): Promise<PaymentRow | null> {
  const checked = checkAgain(request, by.to);
  if (typeof checked === 'string') return null;
  const known = await by.lookUp(checked);
  if (!isPayers(checked, known) || !known.isSeen || known.isOpen) return null;
  if (known.merchantId !== by.merchant.merchantId) return null;
  const row = await by.read(known.id);
  const { ceiling } = row;
  if (!isTheirs({ isPriced: row.pricedEndpoint !== null }, by.pricedEndpoint ?? null)) return null;
  const signed = { ...row, isUpto: ceiling !== null, amount: ceiling?.most ?? row.amount };
  return isAlike(signed, request) ? row : null;
}
