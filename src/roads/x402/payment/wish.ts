import type { AssetSettings } from '../../../base/config/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import type { Checked } from '../check/check.ts';
import type { JudgedPayment } from '../policy/judge.ts';
import type { Parties } from '../policy/screen.ts';
import type { PaymentRequest } from '../wire/request.ts';

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

type Terms = Pick<PaymentRequest['signed'], 'token' | 'payTo' | 'amount'> & { isUpto: boolean };

/**
 * A payer may sign one nonce for several payments: for `exact` and for `upto`, for two amounts, payees or (by Permit2) tokens.
 * The chain takes the nonce once, so the first is the payment, and pays for nothing that another one was signed for.
 * `row`: with what was signed.
 */
export function isAlike(row: Terms, { signed }: PaymentRequest): boolean {
  const { token, payTo, amount, ceiling } = signed;
  const same = row.token === token && row.payTo === payTo && row.amount === amount;
  return same && row.isUpto === (ceiling !== null);
}

/** The same of the very authorization of a row: its times are signed, too. */
export function isSame(
  row: Terms & Pick<PaymentRequest['signed'], 'validAfter' | 'validBefore'>,
  request: PaymentRequest,
): boolean {
  const { validAfter, validBefore } = request.signed;
  const inTime = row.validAfter === validAfter && row.validBefore === validBefore;
  return inTime && isAlike(row, request);
}

/**
 * What the gateway holds it serves, and nobody charges or is told of it past the gateway; nor is served by the gateway what
 * its merchant holds itself. One payment would be served by both.
 */
export function isTheirs(row: { isPriced: boolean }, pricedEndpoint: string | null): boolean {
  return row.isPriced === (pricedEndpoint !== null);
}
