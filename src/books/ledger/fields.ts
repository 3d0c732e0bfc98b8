import type { AssetSettings, Assets } from '../../base/config/index.ts';
import { type Fields, parseAmount } from '../../base/kernel/index.ts';

/** How a request names an account, an asset and an amount. */
const ACCOUNT_NAME = /^[A-Za-z0-9._:-]{1,128}$/;

export function readAccount(fields: Fields): string | null {
  return fields.text(
    'account',
    { code: 'invalid_request', expected: '1 to 128 characters of A-Z a-z 0-9 . _ : -' },
    (text) => (ACCOUNT_NAME.test(text) ? text : undefined),
  );
}

export function readAsset(assets: Assets, fields: Fields): AssetSettings | null {
  return fields.text(
    'asset',
    {
      code: 'unknown_asset',
      expected: `one of ${assets.all.map((a) => a.id).join(', ')} or its CAIP-19 id`,
    },
    (text) => assets.find(text),
  );
}

export function readAmount(fields: Fields, decimals: number): bigint | null {
  return fields.text(
    'amount',
    {
      code: 'invalid_amount',
      expected: `a positive decimal string with at most ${decimals} decimals that fits 256 bits, like "12.5"`,
    },
    (text) => {
      const parsed = parseAmount(text, decimals);
      return typeof parsed === 'bigint' && parsed > 0n ? parsed : undefined;
    },
  );
}
