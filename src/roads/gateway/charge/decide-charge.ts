import type { PricedEndpoint, Usage } from '../endpoint/rows.ts';

/** What of an answer tells its charge. */
type Told = {
  status: number;
  /** As often as the header came, with commas between; undefined: it did not come. */
  usage: string | undefined;
};

export type Charge = {
  amount: bigint;
  /** Why it is not what the answer said. */
  fault: 'usage_missing' | 'usage_malformed' | 'usage_above_most' | null;
};

/**
 * What an answer costs: what was used by its own word, rounded up to the token's unit, and never more than its payer signed
 * for. One that is an error and says nothing is charged nothing; where any other says nothing that can be read, the price
 * has it. Pure.
 */
export function decideCharge(
  { status, usage: told }: Told,
  { price, usage }: Pick<PricedEndpoint, 'price'> & { usage: Usage },
): Charge {
  if (told === undefined && status >= 400) return { amount: 0n, fault: null };
  if (told === undefined || !COUNT.test(told)) {
    const fault = told === undefined ? 'usage_missing' : 'usage_malformed';
    return { amount: usage.without === 'most' ? price : 0n, fault };
  }
  const amount = (BigInt(told) * usage.unitPrice + usage.unitSize - 1n) / usage.unitSize;
  return amount <= price ? { amount, fault: null } : { amount: price, fault: 'usage_above_most' };
}

/** As many digits as any uint256 has. */
const COUNT = /^(0|[1-9][0-9]{0,77})$/;
