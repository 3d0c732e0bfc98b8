import type { AssetSettings } from '../../../base/config/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import type { Checked } from '../check/check.ts';
import type { JudgedPayment } from '../policy/judge.ts';
import type { Parties } from '../policy/screen.ts';

/** A payment that was checked, and what its merchant wants of it. */
export type Wish = {
  to: 'verify' | 'settle';
  checked: Checked;
  merchant: Merchant;
  asset: AssetSettings;
  /** The gateway's price that it pays; null: a merchant's own. */
  pricedEndpoint: string | null;
  /** What screening says; null: nobody is asked. */
  parties: Parties | null;
  correlationId: string;
  /** It, or another one under its identifier, was seen before: there is no row to make. */
  isKnown: boolean;
};

/** As policy is asked about it. */
export function judgedOf(wish: Wish, id: string): JudgedPayment {
  const { merchant, asset, checked, pricedEndpoint, parties } = wish;
  const { tenantId, name: merchantName } = merchant;
  const { endpoint, signed } = checked.request;
  const { amount, payer, payTo, method } = signed;
  const paid = { asset: asset.caip19, amount, payer, payTo, method, endpoint, pricedEndpoint };
  return { id, tenantId, merchantName, parties, ...paid };
}

/**
 * A payer may sign one nonce twice, for `exact` and for `upto`, or for two amounts: the first is the payment, and what the other one
 * allows can not be charged of it. Of `upto` the gateway's answer is there before its charge: nobody charges that payment
 * past the gateway, nor is one served by the gateway that its merchant holds itself.
 */
export function isLike(
  { isUpto, isPriced, amount }: { isUpto: boolean; isPriced: boolean; amount: bigint },
  { to, pricedEndpoint, checked: { request } }: Wish,
): boolean {
  if (isUpto !== (request.signed.ceiling !== null)) return false;
  if (!isUpto) return true;
  if (isPriced !== (pricedEndpoint !== null)) return false;
  return to === 'verify' || request.asked.amount <= amount;
}
