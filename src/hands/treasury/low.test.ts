import { describe, expect, it } from 'vitest';
import type { LaneSettings } from '../../base/config/index.ts';
import { caip19 } from '../../base/kernel/index.ts';
import type { LaneRow } from '../../books/tx/index.ts';
import { decideLow } from './low.ts';

const COIN = caip19(1, null);
const TOKEN = caip19(1, `0x${'70'.repeat(20)}`);
const A: LaneRow['address'] = `0x${'a1'.repeat(20)}`;
const B: LaneRow['address'] = `0x${'b2'.repeat(20)}`;
const lane = (laneId: number, address: LaneRow['address']) =>
  ({ laneId, address, chainId: 1 }) as LaneRow;
const settings = (minGas: bigint, token?: bigint, chainId = 1): LaneSettings => ({
  ...{ chain: 'c', chainId, address: A, key: 'k', tenant: 't', purpose: 'pay', minGas },
  minBalances: token === undefined ? [] : [{ asset: TOKEN, amount: token }],
});
const has = (laneId: number, asset: string, hot: bigint) => ({ laneId, asset, hot });

describe('a lane is low', () => {
  it.each<[string, ReturnType<typeof has>[], LaneSettings[], string[]]>([
    ['never without minimums', [], [], []],
    ['never with minimums of nothing', [], [settings(0n, 0n)], []],
    ['below its gas', [has(1, COIN, 4n)], [settings(5n)], ['1 coin 4 of 5']],
    ['not at its gas', [has(1, COIN, 5n)], [settings(5n)], []],
    ['without an account', [], [settings(5n)], ['1 coin 0 of 5']],
    [
      'below both',
      [has(1, COIN, 4n), has(1, TOKEN, 6n)],
      [settings(5n, 7n)],
      ['1 coin 4 of 5', '1 token 6 of 7'],
    ],
    ["not by another lane's funds", [has(1, COIN, 5n), has(2, COIN, 0n)], [settings(5n)], []],
    ['not by the minimum of its address on another chain', [], [settings(5n, 1n, 2)], []],
  ])('%s', (_, balances, of, expected) => {
    const low = decideLow([lane(1, A), lane(2, B)], balances, of);
    expect(
      low.map((one) => {
        const name = one.gas ? 'coin' : 'token';
        return `${one.lane.laneId} ${name} ${one.balance} of ${one.minimum}`;
      }),
    ).toEqual(expected);
  });
});
