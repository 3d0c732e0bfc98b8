import type { AssetSettings } from '../../../base/config/index.ts';
import { EXACT_PROXY } from '../../../base/effect/index.ts';
import { type Address, ZERO_ADDRESS } from '../../../base/kernel/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';
import type { PaymentRequest } from '../wire/request.ts';

/** Less than this is too little to be mined in: what its payers' packages check by, too. */
const LEAST_SECONDS_LEFT = 6n;

type Known = {
  merchant: Pick<Merchant, 'payTo' | 'assets' | 'wallets'>;
  /** The token that is asked for; undefined: none that is configured for payments. */
  asset: AssetSettings | undefined;
  /** Seconds since the epoch. */
  now: bigint;
};

/**
 * Whether what was signed is what the merchant asked for, and that something which this merchant may have: payee, token,
 * domain, amount to the unit, times to the second. Null: it is. Pure; signature and chain are asked after it.
 */
export function judgeScope(
  request: PaymentRequest,
  { merchant, asset, now }: Known,
): Reason | null {
  const { asked, signed } = request;
  const reasons = REASONS[signed.method];
  if (asset === undefined) return 'invalid_payment_requirements';
  const foreign = signed.method === 'permit2' ? judgeSpender(signed) : judgeDomain(asset, asked);
  if (foreign !== null) return foreign;
  if (!mayHave(merchant, asset, asked)) return 'invalid_payment_requirements';
  if (signed.payTo !== asked.payTo) return reasons.payee;
  if (signed.validBefore < now + LEAST_SECONDS_LEFT) return reasons.runOut;
  if (signed.validAfter > now) return reasons.notYet;
  if (signed.amount !== asked.amount) return reasons.amount;
  if (signed.token !== asked.token) return 'permit2_token_mismatch';
  return signed.payer === ZERO_ADDRESS ? reasons.signature : null;
}

/** Any other spender could take the payer's token elsewhere, or could not be called by us. */
function judgeSpender({ spender }: PaymentRequest['signed']): Reason | null {
  return spender === EXACT_PROXY ? null : 'invalid_permit2_spender';
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
