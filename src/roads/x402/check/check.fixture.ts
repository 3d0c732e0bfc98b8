import { privateKeyToAccount } from 'viem/accounts';
import { PAY_TO, type Payer } from '../../../../test/support/x402/payers.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { caip19, type Hex } from '../../../base/kernel/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import { readRequest } from '../wire/request.ts';
import { checkOffline } from './check.ts';

export const TOKEN: Hex = `0x${'22'.repeat(20)}`;
export const OTHER: Hex = `0x${'33'.repeat(20)}`;
export const TOO_MUCH = 2n ** 256n;
export const payer = privateKeyToAccount(`0x${'11'.repeat(32)}`) as unknown as Payer;
const NOW = 1_800_000_000;

/** The second that is so far from now. */
export const seconds = (from: number) => String(NOW + from);

const settings = developmentSettings({
  databaseUrl: '',
  signerDatabaseUrl: null,
  rpcUrl: '',
  token: TOKEN,
  lanes: [],
});
const assets = new Assets(settings.assets);
/** A wallet that pays gas. */
export const PAYING_LANE: Hex = `0x${'4a'.repeat(20)}`;
const lanes = [{ chainId: 31_337, address: PAYING_LANE }];
const merchant = {
  payTo: [PAY_TO],
  assets: [{ asset: caip19(31_337, TOKEN), maxAmount: 50_000n }],
};

/** A reason, or ok. */
export function judge(
  body: unknown,
  wallets: Merchant['wallets'] = [],
  to: 'verify' | 'settle' = 'verify',
): string {
  const request = readRequest(body);
  if ('reason' in request) return request.reason;
  const checked = checkOffline(request, {
    to,
    merchant: { ...merchant, wallets, lanes },
    paying: lanes,
    assets,
    now: NOW * 1000,
  });
  if (typeof checked === 'string') return checked;
  return checked.signedByKey() ? 'ok' : 'only its wallet can say';
}

export type Path = readonly string[];
export const payload = ['paymentPayload', 'payload'] as const;
export const asked = ['paymentRequirements'] as const;

/** The same body with something else in one place. */
export function changedAt(body: unknown, path: Path, value: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
  const last = path.at(-1)!;
  let at = copy;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}
