import { describe, expect, it } from 'vitest';
import { Assets } from '../../../base/config/index.ts';
import { type Address, caip19 } from '../../../base/kernel/index.ts';
import type { Order } from '../grammar.ts';
import { NO_GUARD } from '../guard.fixture.ts';
import { laneKey, type SigningRules, treasuryKey } from '../rules.ts';
import { checkMove, checkTopUpLimit } from './check.ts';

const CHAIN = 31337;
const LANE: Address = `0x${'11'.repeat(20)}`;
const RETIRED: Address = `0x${'66'.repeat(20)}`;
const OTHERS: Address = `0x${'22'.repeat(20)}`;
const TREASURY: Address = `0x${'33'.repeat(20)}`;
const STRANGER: Address = `0x${'44'.repeat(20)}`;
const TOKEN: Address = `0x${'55'.repeat(20)}`;

const lane = (tenant: string, purpose: 'pay' | 'treasury') => ({
  ...{ keyId: 'k', tenant, purpose },
  walletGroup: tenant,
});
const retired = { ...lane('demo', 'pay'), retired: true as const };
const rules = (topUp: { below: bigint; amount: bigint; perDay: bigint } | null): SigningRules => ({
  digest: Buffer.alloc(32),
  policyVersion: 'config:1',
  chains: new Map(),
  assets: new Assets([]),
  lanes: new Map<string, typeof retired | ReturnType<typeof lane>>([
    [laneKey(CHAIN, LANE), lane('demo', 'pay')],
    [laneKey(CHAIN, RETIRED), retired],
    [laneKey(CHAIN, OTHERS), lane('other', 'pay')],
    [laneKey(CHAIN, TREASURY), lane('demo', 'treasury')],
  ]),
  treasury: new Map([[treasuryKey(CHAIN, 'demo'), { address: TREASURY, topUp }]]),
  approvals: NO_GUARD.approvals,
  limits: new Map(),
});
const RULES = rules({ below: 1n, amount: 10n, perDay: 35n });

function order(from: Address, tx: Partial<Order['tx']>): Order {
  const kind = tx.ownerKind ?? 'topup';
  return {
    slot: { chainId: CHAIN, from },
    tx: {
      ...{ tenant: 'demo', ownerKind: kind, operation: kind, token: null, amount: 10n },
      ...{ asset: caip19(CHAIN, null), recipient: LANE, ...tx },
    },
  } as Order;
}

const TOP_UP = order(TREASURY, {});
const sweep = (from: Address, tx: Partial<Order['tx']> = {}) =>
  order(from, { ownerKind: 'sweep', recipient: TREASURY, ...tx });

describe('between own wallets the signer', () => {
  it.each<[string, Order]>([
    ['gives a lane up to the amount', TOP_UP],
    ['gives less', order(TREASURY, { amount: 1n })],
    ['sweeps the coin of a lane to the treasury', sweep(LANE)],
    ['sweeps a token', sweep(LANE, { token: TOKEN, asset: caip19(CHAIN, TOKEN), amount: 999n })],
    ['leaves payments of lanes to their decisions', order(LANE, { ownerKind: 'withdrawal' })],
  ])('%s', (_, asked) => {
    expect(checkMove(RULES, asked)).toBeNull();
  });

  it.each<[string, Order, RegExp]>([
    ['more than the amount', order(TREASURY, { amount: 11n }), /11, a top-up is at most 10/],
    ['a token', order(TREASURY, { token: TOKEN }), /of the native coin/],
    ['another asset', order(TREASURY, { asset: 'x' }), /of the native coin, not of x/],
    ['a stranger', order(TREASURY, { recipient: STRANGER }), /is no configured lane/],
    ['a lane that is retired', order(TREASURY, { recipient: RETIRED }), /is retired/],
    ["another tenant's lane", order(TREASURY, { recipient: OTHERS }), /is no configured lane/],
    ['itself', order(TREASURY, { recipient: TREASURY }), /is no configured lane/],
    ['from a lane', order(LANE, { recipient: LANE }), /is not the treasury wallet/],
    ['under another operation', order(TREASURY, { operation: 'withdrawal' }), /the operation/],
    [
      'a withdrawal from the treasury',
      order(TREASURY, { ownerKind: 'withdrawal' }),
      /top-ups only/,
    ],
    ['a sweep from the treasury', sweep(TREASURY), /top-ups only/],
    ['a sweep to a stranger', sweep(LANE, { recipient: STRANGER }), /the only one to sweep to/],
    ['a sweep to a lane', sweep(LANE, { recipient: LANE }), /the only one to sweep to/],
    [
      'a sweep where there is no treasury',
      sweep(OTHERS, { tenant: 'other' }),
      /no treasury wallet/,
    ],
  ])('refuses %s', (_, asked, told) => {
    expect(checkMove(RULES, asked)).toMatchObject({ code: 'move_refused' });
    expect(checkMove(RULES, asked)!.message).toMatch(told);
  });

  it('makes no top-ups that its configuration does not have', () => {
    expect(checkMove(rules(null), TOP_UP)!.message).toMatch(/makes no top-ups/);
  });

  it.each([
    [0, true],
    [2, true],
    [3, false],
    [40, false],
  ])('after %s top-ups of a day gives one more: %s', (begun, given) => {
    const refusal = checkTopUpLimit(RULES, TOP_UP, begun);
    expect(refusal?.code ?? null).toBe(given ? null : 'top_up_limit');
    expect(checkTopUpLimit(RULES, sweep(LANE), begun)).toBeNull();
  });
});
