import type { LimitSettings } from '../../../base/config/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';
import type { Spend } from '../grammar.ts';
import { limitKey } from '../rules.ts';
import type { LimitRefusal } from './spends.ts';

/** What counts of a signature that is to be journaled. */
export type Counted = {
  requestId: string;
  intentId: Hex;
  firstEffect: boolean;
  spends: readonly Spend[];
};

/** By limitKey: what each of the limit's windows holds already, in the order of the configuration. */
export type Held = ReadonlyMap<string, readonly bigint[]>;

/** Of an intent, by asset: what its signatures have counted for. */
export type Before = ReadonlyMap<Hex, ReadonlyMap<string, bigint>>;

/**
 * Which signatures fit their windows, one after the other, and what each counts for. First attempts are refused
 * above a limit; replacements and fillers are let through and count by what they raise. Pure.
 */
export function judgeWindows(
  limits: ReadonlyMap<string, LimitSettings>,
  signings: readonly Counted[],
  { held, before }: { held: Held; before: Before },
): { counted: Map<string, Spend[]>; refused: Map<string, LimitRefusal> } {
  const sums = new Map([...held].map(([key, windows]) => [key, [...windows]]));
  const raised = new Map([...before].map(([intent, assets]) => [intent, new Map(assets)]));
  const counted = new Map<string, Spend[]>();
  const refused = new Map<string, LimitRefusal>();
  for (const { requestId, intentId, firstEffect, spends } of signings) {
    const known = raised.get(intentId) ?? new Map<string, bigint>();
    const increases = spends.map((spend) => ({
      ...spend,
      amount: atLeastZero(spend.amount - (known.get(spend.asset) ?? 0n)),
    }));
    const refusal = firstEffect ? exceeded(limits, increases, sums) : null;
    if (refusal !== null) {
      refused.set(requestId, refusal);
      continue;
    }
    for (const spend of increases) {
      const windows = sums.get(limitKey(spend)) ?? [];
      windows.forEach((sum, index) => {
        windows[index] = sum + spend.amount;
      });
      known.set(spend.asset, (known.get(spend.asset) ?? 0n) + spend.amount);
    }
    raised.set(intentId, known);
    counted.set(requestId, increases);
  }
  return { counted, refused };
}

function exceeded(
  limits: ReadonlyMap<string, LimitSettings>,
  increases: readonly Spend[],
  sums: ReadonlyMap<string, readonly bigint[]>,
): LimitRefusal | null {
  for (const spend of increases) {
    const windows = limits.get(limitKey(spend))?.windows ?? [];
    for (const [index, { ms, amount }] of windows.entries()) {
      const sum = sums.get(limitKey(spend))?.[index] ?? 0n;
      if (sum + spend.amount <= amount) continue;
      const { walletGroup, asset } = spend;
      return {
        code: 'limit_window',
        message: `${sum} of ${asset} left ${walletGroup} within ${ms / 1000} s, ${spend.amount} more would pass ${amount}`,
      };
    }
  }
  return null;
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
