import { caip19 } from '../../../base/kernel/index.ts';
import type { Order, Signing, Spend } from '../grammar.ts';
import { leavesUs } from '../moves/check.ts';
import { laneKey, limitKey, type SigningRules } from '../rules.ts';

export type LimitRefusal = { code: 'limit_per_transaction' | 'limit_window'; message: string };

/**
 * What a signature counts for: the token's amount, and of the native coin its value and what gas can cost. A move
 * between own wallets, whose other end the configuration has, and a payer's own tokens count by their gas alone:
 * nothing of ours leaves. Empty where nothing is limited.
 */
export function spendsOf(
  rules: SigningRules,
  order: Order,
  { maxSpend, value }: Pick<Signing, 'maxSpend'> & { value: bigint },
): Spend[] {
  if (rules.limits.size === 0) return [];
  const { tx, slot, kind } = order;
  const walletGroup = rules.lanes.get(laneKey(slot.chainId, slot.from))!.walletGroup;
  const leaves = kind === 'effect' && leavesUs(order);
  const native = leaves ? maxSpend : maxSpend - value;
  const spends = [{ walletGroup, asset: caip19(slot.chainId, null), amount: native }];
  if (leaves && tx.token !== null) {
    spends.push({ walletGroup, asset: caip19(slot.chainId, tx.token), amount: tx.amount });
  }
  return spends.filter((spend) => rules.limits.has(limitKey(spend)));
}

/** The cap of one transaction, for a slot's first attempt. */
export function checkCaps(rules: SigningRules, spends: readonly Spend[]): LimitRefusal | null {
  for (const spend of spends) {
    const cap = rules.limits.get(limitKey(spend))!.perTransaction;
    if (cap !== null && spend.amount > cap) {
      const { walletGroup, asset, amount } = spend;
      return {
        code: 'limit_per_transaction',
        message: `it can take ${amount} of ${asset} from ${walletGroup}, the cap of one is ${cap}`,
      };
    }
  }
  return null;
}
