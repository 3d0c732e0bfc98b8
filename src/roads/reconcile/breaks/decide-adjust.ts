import {
  type AccountKey,
  adjustTransfer,
  fundTransfer,
  type Transfer,
} from '../../../books/ledger/index.ts';
import type { Adjustment } from './form.ts';

type About = { tenantId: string; laneId: number; subjectId: string; correlationId: string };

/** Every account that adjustments may touch, whatever it has. */
export function adjustmentsProbe(about: About, adjustments: readonly Adjustment[]): Transfer[] {
  return adjustments.flatMap((one) => [
    adjustTransfer({ ...about, ...one }),
    fundTransfer({ ...about, ...one, custody: 0n }),
  ]);
}

/**
 * The transfers of adjustments, one after another. What left the lane goes to suspense. What came to it is taken
 * out of suspense first; what suspense does not have is the tenant's own. A lane can not lose more than its books
 * have free on it: then why not, in words.
 */
export function planAdjustments(
  about: About,
  adjustments: readonly Adjustment[],
  balanceOf: (key: AccountKey) => bigint,
): Transfer[] | { short: string } {
  const { tenantId, laneId } = about;
  const changed = new Map<string, bigint>();
  const transfers: Transfer[] = [];
  for (const { asset, amount, movement } of adjustments) {
    const hot: AccountKey = { tenantId, kind: 'hot', owner: String(laneId), asset };
    const suspense: AccountKey = { tenantId, kind: 'suspense', owner: '', asset };
    const has = (key: AccountKey) => changed.get(`${key.kind} ${asset}`) ?? balanceOf(key);
    const add = (key: AccountKey, by: bigint) => changed.set(`${key.kind} ${asset}`, has(key) + by);
    if (movement === 'left') {
      if (has(hot) < amount) {
        const short = `The books have ${has(hot)} base units of ${asset} free on lane ${laneId}; ${amount} can not have left it.`;
        return { short };
      }
      transfers.push(adjustTransfer({ ...about, asset, amount, movement }));
      add(hot, -amount);
      add(suspense, amount);
      continue;
    }
    const explained = has(suspense) < amount ? has(suspense) : amount;
    if (explained > 0n)
      transfers.push(adjustTransfer({ ...about, asset, amount: explained, movement }));
    if (explained < amount)
      transfers.push(fundTransfer({ ...about, asset, amount: amount - explained, custody: 0n }));
    add(suspense, -explained);
    add(hot, amount);
  }
  return transfers;
}
