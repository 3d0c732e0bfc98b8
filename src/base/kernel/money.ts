/** Amounts are bigint base units beside their asset; decimal strings exist at the rim only. */

export const MAX_UINT256 = 2n ** 256n - 1n;

type AmountFault = 'syntax' | 'too_many_decimals' | 'too_large';

/**
 * Reads a decimal string ("12.50") in base units of an asset with `decimals` decimals. No sign, no
 * exponent, no leading or trailing dot, no leading zeros beyond one.
 */
export function parseAmount(text: string, decimals: number): bigint | AmountFault {
  const match = /^(0|[1-9]\d{0,77})(?:\.(\d{1,77}))?$/.exec(text);
  if (match === null) return 'syntax';
  const fraction = match[2] ?? '';
  if (fraction.length > decimals) return 'too_many_decimals';
  const atomic = BigInt(match[1] + fraction.padEnd(decimals, '0'));
  return atomic > MAX_UINT256 ? 'too_large' : atomic;
}

/** Base units as a plain decimal string without trailing zeros beyond the point ("12.5", "3"). */
export function formatAmount(atomic: bigint, decimals: number): string {
  if (decimals === 0) return atomic.toString();
  const digits = atomic.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, -decimals);
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
