import { describe, expect, it } from 'vitest';
import type { LimitSettings } from '../../../base/config/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';
import { limitKey } from '../rules.ts';
import { type Counted, judgeWindows } from './judge.ts';

const LIMIT: LimitSettings = {
  walletGroup: 'hot',
  asset: 'USDC',
  perTransaction: null,
  windows: [
    { ms: 60_000, amount: 100n },
    { ms: 3_600_000, amount: 250n },
  ],
};
const KEY = limitKey(LIMIT);
const INTENT: Hex = '0x01';

const of = (requestId: string, amount: bigint, over: Partial<Counted> = {}): Counted => ({
  requestId,
  intentId: `0x${requestId}`,
  firstEffect: true,
  spends: [{ walletGroup: 'hot', asset: 'USDC', amount }],
  ...over,
});
const judged = (
  signings: Counted[],
  { held = [0n, 0n], before = 0n }: { held?: bigint[]; before?: bigint } = {},
) => {
  const { counted, refused } = judgeWindows(new Map([[KEY, LIMIT]]), signings, {
    held: new Map([[KEY, held]]),
    before: new Map([[INTENT, new Map([['USDC', before]])]]),
  });
  return signings.map(({ requestId }) =>
    refused.has(requestId) ? 'refused' : (counted.get(requestId)?.[0]?.amount ?? 'not limited'),
  );
};

describe('windows', () => {
  it.each<[string, Counted[], Parameters<typeof judged>[1], unknown[]]>([
    [
      'take up to the limit, and not one unit more',
      [of('a', 60n), of('b', 40n), of('c', 1n)],
      {},
      [60n, 40n, 'refused'],
    ],
    [
      'let a smaller one through behind one that is too large',
      [of('a', 101n), of('b', 100n)],
      {},
      ['refused', 100n],
    ],
    [
      'count what they hold already',
      [of('a', 41n), of('b', 40n)],
      { held: [60n, 60n] },
      ['refused', 40n],
    ],
    ['must all have room', [of('a', 20n)], { held: [0n, 240n] }, ['refused']],
    [
      'never refuse a filler or a replacement, which count by what they raise',
      [of('a', 130n, { intentId: INTENT, firstEffect: false })],
      { held: [100n, 100n], before: 90n },
      [40n],
    ],
    [
      'count nothing for one that raises nothing',
      [of('a', 80n, { intentId: INTENT, firstEffect: false })],
      { held: [100n, 100n], before: 90n },
      [0n],
    ],
    [
      'count an intent once within a batch',
      [
        of('a', 60n, { intentId: INTENT }),
        of('b', 70n, { intentId: INTENT, firstEffect: false }),
        of('c', 30n),
      ],
      {},
      [60n, 10n, 30n],
    ],
    [
      'leave alone what has no limit',
      [of('a', 1n, { spends: [] })],
      { held: [100n, 250n] },
      ['not limited'],
    ],
  ])('%s', (_, signings, known, expected) => {
    expect(judged(signings, known)).toEqual(expected);
  });
});
