import type { AssetSettings } from '../../../base/config/index.ts';
import { proxyOf } from '../../../base/effect/index.ts';
import { type Address, ZERO_ADDRESS } from '../../../base/kernel/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';
import type { PaymentRequest } from '../wire/request.ts';

/** Less than this is too little to be mined in: what its payers' packages check by, too. */
const LEAST_SECONDS_LEFT = 6n;

export type Known = {
  /** What the merchant asks: whether to serve it, or to move the money. */
  to: 'verify' | 'settle';
  merchant: Pick<Merchant, 'payTo' | 'assets' | 'wallets' | 'lanes'>;
  /** Wallets of the configuration that pay for payments' gas. */
  paying: Merchant['lanes'];
  /** The token that is asked for; undefined: none that is configured for payments. */
  asset: AssetSettings | undefined;
  /** Seconds since the epoch. */
  now: bigint;
};

/**
 * Whether what was signed is what the merchant asked for, and that something which this merchant may have: payee, token,
 * domain, amount to the unit, times to the second. Null: it is. Pure; signature and chain are asked after it.
 */
export function judgeScope(request: PaymentRequest, known: Known): Reason | null {
  const { to, merchant, asset, now } = known;
  const { asked, signed } = request;
  const reasons = REASONS[signed.method];
  if (asset === undefined) return 'invalid_payment_requirements';
  const foreign = signed.method === 'eip3009' ? judgeDomain(asset, asked) : judgeSpender(signed);
  if (foreign !== null) return foreign;
  const most = signed.ceiling?.most ?? asked.amount;
  if (!mayHave(merchant, asset, { ...asked, amount: most })) return 'invalid_payment_requirements';
  if (signed.payTo !== asked.payTo) return reasons.payee;
  if (!isTakenByUs(known, request)) return 'upto_facilitator_mismatch';
  if (signed.validBefore < now + LEAST_SECONDS_LEFT) return reasons.runOut;
  if (signed.validAfter > now) return reasons.notYet;
  const differs = judgeTerms(request, to);
  if (differs !== null) return differs;
  return signed.payer === ZERO_ADDRESS ? reasons.signature : null;
}

/** Whether what was signed is what is asked for: payee, amount, token. Null: it is. Pure. */
export function judgeTerms(request: PaymentRequest, to: Known['to']): Reason | null {
  const { asked, signed } = request;
  if (signed.payTo !== asked.payTo) return REASONS[signed.method].payee;
  const charged = judgeAmount(request, to);
  if (charged !== null) return charged;
  return signed.token === asked.token ? null : 'permit2_token_mismatch';
}

/** Any other spender could take the payer's token elsewhere, or could not be called by us. */
function judgeSpender({ method, spender }: PaymentRequest['signed']): Reason | null {
  return spender === proxyOf(method) ? null : 'invalid_permit2_spender';
}

/** Where only one wallet may take it, that has to be one that pays the gas of this merchant's payments. */
function isTakenByUs({ merchant, paying }: Known, { chainId, signed }: PaymentRequest): boolean {
  const { ceiling } = signed;
  if (ceiling === null) return true;
  return [merchant.lanes, paying].every((lanes) =>
    lanes.some((lane) => lane.chainId === chainId && lane.address === ceiling.facilitator),
  );
}

/** What was signed, to the unit; with a ceiling it is that when it is verified, and at most that when it is settled. */
function judgeAmount({ asked, signed }: PaymentRequest, to: Known['to']): Reason | null {
  if (signed.ceiling === null || to === 'verify') {
    return signed.amount === asked.amount ? null : REASONS[signed.method].amount;
  }
  return asked.amount <= signed.ceiling.most
    ? null
    : 'invalid_upto_evm_payload_settlement_exceeds_amount';
}

function judgeDomain({ eip712 }: AssetSettings, { domain }: PaymentRequest['asked']) {
  if (eip712 === undefined) return 'invalid_payment_requirements';
  if (domain?.name !== eip712.name) return 'invalid_exact_evm_token_name_mismatch';
  return domain.version === eip712.version ? null : 'invalid_exact_evm_token_version_mismatch';
}

/** The own wallet that a payee is; undefined: it is somebody else's. */
export function walletOf({ wallets }: Pick<Merchant, 'wallets'>, chainId: number, payTo: Address) {
  return wallets.find((one) => one.chainId === chainId && one.address === payTo);
}

function mayHave(
  { payTo, assets, wallets }: Known['merchant'],
  { caip19, tiers, chainId }: AssetSettings,
  asked: PaymentRequest['asked'],
): boolean {
  const allowed = assets.find(({ asset }) => asset === caip19);
  if (allowed === undefined || asked.amount <= 0n) return false;
  if (allowed.maxAmount !== null && asked.amount > allowed.maxAmount) return false;
  if (!tiers.some(({ upTo }) => upTo === null || asked.amount <= upTo)) return false;
  if (!payTo.includes(asked.payTo) || asked.payTo === ZERO_ADDRESS) return false;
  const wallet = walletOf({ wallets }, chainId, asked.payTo);
  // What came to another tenant's wallet, or to one that is not in the books, would be credited to nobody.
  return wallet === undefined || wallet.laneId !== null;
}
