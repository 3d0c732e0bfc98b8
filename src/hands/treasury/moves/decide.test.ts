import { describe, expect, it } from 'vitest';
import type { LaneSettings, TreasurySettings } from '../../../base/config/index.ts';
import { caip19, type Level, type TxState } from '../../../base/kernel/index.ts';
import type { LaneRow } from '../../../books/tx/index.ts';
import {
  decideMove,
  type EarlierMove,
  judgeSweep,
  planSweeps,
  planTopUps,
  proposeRebalancing,
  type Wallets,
} from './decide.ts';

const COIN = caip19(1, null);
const TOKEN = caip19(1, `0x${'70'.repeat(20)}`);
const addressOf = (laneId: number): LaneRow['address'] => `0x${`0${laneId}`.repeat(20)}`;
const lane = (laneId: number, more: Partial<LaneRow> = {}) =>
  ({
    ...{ laneId, tenantId: 'a', chainId: 1, address: addressOf(laneId), purpose: 'pay' },
    ...{ pausedReason: null, ...more },
  }) as LaneRow;
const LANES = [
  lane(1),
  lane(2),
  lane(3, { tenantId: 'b' }),
  lane(4, { chainId: 2 }),
  lane(9, { purpose: 'treasury' }),
];
const TREASURY: TreasurySettings = {
  ...{ chainId: 1, address: addressOf(9), tenant: 'a' },
  topUp: { below: 10n, amount: 30n, perDay: 95n },
  keep: [{ asset: TOKEN, amount: 100n }],
};
const served = (laneId: number, more: Partial<LaneSettings> = {}) =>
  ({ chainId: 1, address: addressOf(laneId), ...more }) as LaneSettings;
const SERVED = [served(1), served(2), served(3), served(5), served(6, { retired: true })];
const wallets = (
  funds: Record<number, [bigint, bigint]>,
  more: Partial<Wallets> = {},
): Wallets => ({
  lanes: LANES,
  balances: Object.entries(funds).flatMap(([laneId, [coin, token]]) => [
    { laneId: Number(laneId), asset: COIN, hot: coin },
    { laneId: Number(laneId), asset: TOKEN, hot: token },
  ]),
  treasury: [TREASURY],
  ...more,
});
const earlier = (
  toLane: number,
  outcome: EarlierMove['outcome'],
  ageMs = 7_200_000,
): EarlierMove => ({
  ...{ kind: 'topup' as const, fromLane: 9, toLane, asset: COIN, outcome, ageMs },
});

describe('top-ups', () => {
  it.each<[string, Wallets, EarlierMove[], string[]]>([
    ['to nobody who has enough', wallets({ 1: [10n, 0n], 2: [11n, 0n] }), [], []],
    ['to whoever has less', wallets({ 1: [9n, 0n], 2: [10n, 0n] }), [], ['9>1 30']],
    ["to one's own lanes of the chain only", wallets({}), [], ['9>1 30', '9>2 30']],
    ['not while one is under way', wallets({ 2: [10n, 0n] }), [earlier(1, null)], []],
    ['again when one has arrived', wallets({ 2: [10n, 0n] }), [earlier(1, 'arrived')], ['9>1 30']],
    [
      'not soon after one came to nothing',
      wallets({ 2: [10n, 0n] }),
      [earlier(1, 'unpaid', 1)],
      [],
    ],
    ['later again', wallets({ 2: [10n, 0n] }), [earlier(1, 'unpaid')], ['9>1 30']],
    [
      'within the limit of a day',
      wallets({}),
      [earlier(1, 'arrived'), earlier(2, 'arrived')],
      ['9>1 30'],
    ],
    [
      'not beyond the limit of a day',
      wallets({}),
      [earlier(1, 'arrived'), earlier(2, 'arrived'), earlier(1, 'arrived')],
      [],
    ],
    ['not where there are none', wallets({}, { treasury: [{ ...TREASURY, topUp: null }] }), [], []],
    [
      'not from a wallet that is not in the books',
      wallets({}, { lanes: LANES.slice(0, 4) }),
      [],
      [],
    ],
    [
      'not to a lane that a person paused or somebody else signs for',
      wallets(
        {},
        {
          lanes: [
            lane(1, { pausedReason: 'foreign_nonce' }),
            lane(2, { pausedReason: 'operator' }),
            lane(5, { pausedReason: 'low_gas' }),
            lane(9, { purpose: 'treasury' }),
          ],
        },
      ),
      [],
      ['9>5 30'],
    ],
    [
      'not to a lane that the configuration has retired, or does not name',
      wallets({}, { lanes: [lane(6), lane(7), lane(9, { purpose: 'treasury' })] }),
      [],
      [],
    ],
    [
      'not from a paused wallet',
      wallets({}, { lanes: [lane(1), lane(9, { purpose: 'treasury', pausedReason: 'operator' })] }),
      [],
      [],
    ],
  ])('%s', (_, of, before, expected) => {
    const told = planTopUps(of, SERVED, before).map(
      ({ from, to, amount, asset }) => `${from.laneId}>${to.laneId} ${asset === COIN && amount}`,
    );
    expect(told).toEqual(expected);
  });
});

describe('sweeps', () => {
  it('take what is above what is kept, of the assets that are named, from the lanes that are asked', () => {
    const of = wallets({ 1: [1_000n, 150n], 2: [0n, 100n], 3: [0n, 500n], 9: [0n, 900n] });
    const told = (laneIds: number[]) =>
      planSweeps(of, new Set(laneIds)).map(
        ({ from, to, asset, amount }) =>
          `${from.laneId}>${to.laneId} ${asset === TOKEN ? 'token' : 'coin'} ${amount}`,
      );
    expect(told([1, 2, 3, 9])).toEqual(['1>9 token 50']);
    expect(told([2, 3])).toEqual([]);
    const lanes = [lane(1, { pausedReason: 'foreign_nonce' }), lane(9, { purpose: 'treasury' })];
    expect(planSweeps({ ...of, lanes }, new Set([1]))).toEqual([]);
  });
});

describe('a sweep of one lane', () => {
  it.each<[string, Wallets, number, string | null]>([
    ['which may be', wallets({}), 1, null],
    ['that is the treasury wallet', wallets({}), 9, 'treasury_wallet'],
    [
      'that a person paused',
      wallets({}, { lanes: [lane(1, { pausedReason: 'operator' })] }),
      1,
      'paused',
    ],
    ['of a tenant without a treasury wallet', wallets({}), 3, 'no_treasury'],
    [
      'whose treasury wallet is paused',
      wallets({}, { lanes: [lane(1), lane(9, { purpose: 'treasury', pausedReason: 'operator' })] }),
      1,
      'no_treasury',
    ],
  ])('%s', (_, of, laneId, reason) => {
    const asked = of.lanes.find((one) => one.laneId === laneId)!;
    expect(judgeSweep(of, asked)?.members?.['reason'] ?? null).toBe(reason);
  });
});

describe('rebalancing', () => {
  const settings = (laneId: number, token: bigint): LaneSettings => ({
    ...{ chain: 'c', chainId: 1, address: addressOf(laneId), key: 'k', tenant: 'a' },
    ...{ purpose: 'pay', minGas: 0n, minBalances: [{ asset: TOKEN, amount: token }] },
  });
  it.each<[string, Wallets, bigint[], string[]]>([
    ['nothing where nobody is low', wallets({ 1: [0n, 50n] }), [50n, 0n], []],
    ['from who has most to spare', wallets({ 2: [0n, 90n], 9: [0n, 70n] }), [50n, 0n], ['2>1 50']],
    ['above their own minimum', wallets({ 2: [0n, 90n], 9: [0n, 70n] }), [50n, 60n], ['9>1 50']],
    ['what there is', wallets({ 2: [0n, 20n] }), [50n, 0n], ['2>1 20']],
    ["nothing of another tenant's", wallets({ 3: [0n, 900n] }), [50n, 0n], []],
  ])('proposes %s', (_, of, [first, second], expected) => {
    const proposed = proposeRebalancing(of, [settings(1, first!), settings(2, second!)]);
    expect(proposed.map(({ from, to, amount }) => `${from}>${to} ${amount}`)).toEqual(expected);
  });
});

const final = { level: 'finalized', paid: true } as const;
const unpaid = { level: 'finalized', paid: false } as const;
const back = { level: 'none', paid: false } as const;
const used = { ...back, replaced: true } as const;
it.each<[TxState, { level: Level; paid: boolean; replaced?: true }, 'arrived' | 'unpaid' | null]>([
  ['CREATED', back, null],
  ['SLOTTED', back, null],
  ['SIGNED', back, null],
  ['BROADCASTED', back, null],
  ['INCLUDED', { level: 'safe', paid: true }, null],
  ['INCLUDED', final, null],
  ['FINAL', final, 'arrived'],
  ['FINAL', { level: 'included', paid: true }, null],
  ['FINAL', unpaid, null],
  ['FINAL', back, null],
  ['REVERTED', unpaid, 'unpaid'],
  ['REVERTED', { level: 'safe', paid: false }, null],
  ['CANCELLED', unpaid, 'unpaid'],
  ['CANCELLED', back, null],
  // It was looked at before a declared reorg gave it another end.
  ['CANCELLED', final, null],
  ['REPLACED', used, 'unpaid'],
  ['REPLACED', back, null],
  ['REPLACED', final, null],
])('a move whose transaction is %s, and the chain shows %j: %s', (status, chain, outcome) => {
  expect(decideMove({ status, slot: {} }, { replaced: false, ...chain })).toBe(outcome);
});

it('a move that was refused before it had a slot is unpaid', () => {
  expect(decideMove({ status: 'CANCELLED', slot: null }, { replaced: false, ...back })).toBe(
    'unpaid',
  );
});
