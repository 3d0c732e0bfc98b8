import { describe, expect, it } from 'vitest';
import type { GasEstimate, SendAnswer } from '../../base/chain/index.ts';
import { EFFECT_GAS_LIMIT_CAP, effectGasCap } from '../../base/effect/index.ts';
import {
  chooseLane,
  costOf,
  gasLimitOf,
  gasReservedOf,
  judgeEstimate,
  type LaneState,
  SIMULATION_TRIES,
  type WaitReason,
} from './decide-prepare.ts';
import { decideSend } from './decide-send.ts';

const NATIVE = 'eip155:1/slip44:60';
const TOKEN = 'eip155:1/erc20:0x00';

const lane = (laneId: number, more: Partial<LaneState> = {}): LaneState => ({
  laneId,
  tenantId: 't',
  chainId: 1,
  held: true,
  paused: false,
  room: 10,
  funds: new Map([
    [TOKEN, 100n],
    [NATIVE, 100n],
  ]),
  ...more,
});
const funds = (token: bigint, native: bigint) =>
  new Map([
    [TOKEN, token],
    [NATIVE, native],
  ]);

describe('the lane that pays', () => {
  const wanted = { tenantId: 't', chainId: 1, asset: TOKEN, amount: 60n };
  it.each<[string, LaneState[], number | WaitReason]>([
    ['there is none', [], 'lane_missing'],
    ['it is another tenant’s', [lane(1, { tenantId: 'u' })], 'lane_missing'],
    ['it is on another chain', [lane(1, { chainId: 2 })], 'lane_missing'],
    ['another process holds it', [lane(1, { held: false })], 'lane_lease'],
    ['it is paused', [lane(1, { paused: true })], 'lane_paused'],
    ['it is frozen', [lane(1, { frozen: true })], 'frozen'],
    ['one of two is frozen', [lane(1, { frozen: true, room: 99 }), lane(2)], 2],
    ['its window is full', [lane(1, { room: 0 })], 'lane_window'],
    ['its window is overfull', [lane(1, { room: -3 })], 'lane_window'],
    ['it lacks the token', [lane(1, { funds: funds(59n, 100n) })], 'lane_balance'],
    ['it lacks the coin for gas', [lane(1, { funds: funds(60n, 29n) })], 'lane_gas'],
    ['it lacks both', [lane(1, { funds: funds(0n, 0n) })], 'lane_balance'],
    ['it has nothing at all', [lane(1, { funds: new Map() })], 'lane_balance'],
    ['it has just enough', [lane(1, { funds: funds(60n, 30n) })], 1],
    ['one of two is open', [lane(1, { paused: true }), lane(2)], 2],
    ['one of two is ours', [lane(1, { held: false }), lane(2, { room: 1 })], 2],
    ['one of two is covered', [lane(1, { funds: funds(1n, 1n), room: 99 }), lane(2)], 2],
    ['both could', [lane(1, { room: 3 }), lane(2, { room: 4 })], 2],
    ['both could, equally', [lane(1), lane(2)], 1],
  ])('when %s', (_, lanes, expected) => {
    const chosen = chooseLane(wanted, lanes, costOf(wanted, NATIVE, 30n), NATIVE);
    expect(typeof chosen === 'string' ? chosen : chosen.laneId).toBe(expected);
  });

  it.each<[bigint, WaitReason | 1]>([
    [90n, 1],
    [89n, 'lane_balance'],
  ])('of the native coin has amount and gas from the same funds: %s', (native, expected) => {
    const coin = { ...wanted, asset: NATIVE };
    const cost = costOf(coin, NATIVE, 30n);
    expect(cost).toEqual(new Map([[NATIVE, 90n]]));
    const chosen = chooseLane(coin, [lane(1, { funds: funds(0n, native) })], cost, NATIVE);
    expect(typeof chosen === 'string' ? chosen : chosen.laneId).toBe(expected);
  });
});

describe('gas', () => {
  it.each([
    [20_000n, 21_000n],
    [21_000n, 21_000n],
    [21_001n, 41_001n],
    [34_400n, 54_400n],
    [80_002n, 100_003n],
    [900_000n, EFFECT_GAS_LIMIT_CAP],
    [EFFECT_GAS_LIMIT_CAP, EFFECT_GAS_LIMIT_CAP],
  ])('an estimate of %s gets a limit of %s', (estimate, limit) => {
    expect(gasLimitOf(estimate, EFFECT_GAS_LIMIT_CAP)).toBe(limit);
  });

  it('a payment that its payer authorized may have a third of that', () => {
    const cap = effectGasCap({ payerAuthorization: '0x01' });
    expect(judgeEstimate({ ok: true, gas: cap }, 1, cap)).toEqual({ kind: 'ok', gasLimit: cap });
    expect(judgeEstimate({ ok: true, gas: cap + 1n }, 1, cap).kind).toBe('refused');
    expect(cap * 2n).toBeLessThan(EFFECT_GAS_LIMIT_CAP);
  });

  it('what is set aside always covers the filler at one and a half times the fee', () => {
    expect(gasReservedOf(21_000n, 10n)).toBe(315_000n);
    expect(gasReservedOf(60_000n, 10n)).toBe(600_000n);
  });

  it.each<[GasEstimate, number, string]>([
    [{ ok: true, gas: 21_000n }, 1, 'ok'],
    [{ ok: true, gas: EFFECT_GAS_LIMIT_CAP + 1n }, 1, 'refused'],
    [{ ok: false, kind: 'funds', message: 'x' }, 99, 'wait lane_gas'],
    [{ ok: false, kind: 'node', message: 'x' }, 99, 'wait chain_unreachable'],
    [
      { ok: false, kind: 'reverted', message: 'x' },
      SIMULATION_TRIES - 1,
      'wait simulation_reverted',
    ],
    [{ ok: false, kind: 'reverted', message: 'x' }, SIMULATION_TRIES, 'refused'],
  ])('%o at try %s is %s', (estimate, tries, expected) => {
    const judged = judgeEstimate(estimate, tries, EFFECT_GAS_LIMIT_CAP);
    expect(judged.kind === 'wait' ? `wait ${judged.reason}` : judged.kind).toBe(expected);
    if (!estimate.ok) expect(JSON.stringify(judged)).toContain(estimate.message);
  });
});

describe('what follows an answer to a send', () => {
  it.each<[SendAnswer['class'], string, string]>([
    ['accepted', 'accepted', 'accepted'],
    ['already_known', 'accepted', 'accepted'],
    ['nonce_used', 'watch', 'watch'],
    ['gap', 'hold 1000', 'hold 1000'],
    ['pool_full', 'hold 5000', 'hold 5000'],
    ['type_clash', 'hold 5000', 'hold 5000'],
    ['underpriced', 'watch', 'watch'],
    ['other_holds_nonce', 'watch', 'watch'],
    ['fee_cap', 'hold 5000', 'hold 5000'],
    ['funds', 'pause 5000', 'pause 5000'],
    ['refused', 'close', 'hold 30000'],
    ['unknown', 'again', 'again'],
  ])('%s: an effect %s, a filler %s', (answer, effect, filler) => {
    const shown = (kind: 'effect' | 'filler') => {
      const action = decideSend(answer, { kind });
      return 'delayMs' in action ? `${action.kind} ${action.delayMs}` : action.kind;
    };
    expect([shown('effect'), shown('filler')]).toEqual([effect, filler]);
  });
});
