import type { AssetSettings, Assets } from '../../base/config/index.ts';
import { type Fields, parseAmount } from '../../base/kernel/index.ts';

/** How a request names an account, an asset and an amount. */
const MOST_DECIMALS = 77;
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
      expected: () => `one of ${assets.all.map((a) => a.id).join(', ')} or its CAIP-19 id`,
    },
    (text) => assets.find(text),
  );
}

/** Base units. Without its asset only the form of an amount can be judged; what is returned then is no amount. */
export function readAmount(fields: Fields, asset: AssetSettings | null): bigint | null {
  const decimals = asset?.decimals ?? MOST_DECIMALS;
  return fields.text(
    'amount',
    {
      code: 'invalid_amount',
      expected: () =>
        `a positive decimal string with at most ${decimals} decimals that fits 256 bits, like "12.5"`,
    },
    (text) => {
      const parsed = parseAmount(text, decimals);
      if (asset === null && parsed === 'too_large') return 1n;
      return typeof parsed === 'bigint' && parsed > 0n ? parsed : undefined;
    },
  );
}
