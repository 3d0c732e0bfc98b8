import { describe, expect, it } from 'vitest';
import type { SlotBids } from '../../../books/tx/index.ts';
import type { ChainFees } from '../gas/quote.ts';
import { decideBid, decideLane, raised } from './decide-replace.ts';

const market = (baseFeePerGas: bigint, cap = 1_000n): ChainFees => ({
  market: { baseFeePerGas, tips: [] },
  rules: {
    maxFeePerGas: cap,
    minPriorityFeePerGas: 10n,
    percentile: 50,
    blocks: 20,
    baseFeeMultiplier: 2_000n,
    urgency: 'normal',
  },
});
const PLENTY = 10n ** 18n;

describe('a raise', () => {
  it.each([
    [0n, 1n],
    [1n, 2n],
    [7n, 8n],
    [8n, 9n],
    [9n, 11n],
    [100n, 113n],
    [1_000_000_000n, 1_125_000_000n],
    [1_000_000_001n, 1_125_000_002n],
  ])('of %s is %s: an eighth, rounded up', (fee, expected) => {
    expect(raised(fee)).toBe(expected);
    expect(raised(fee) * 8n).toBeGreaterThanOrEqual(fee * 9n);
  });
});

describe('the next bid for an effect', () => {
  const slot = (max: bigint, tip: bigint, wishedFee: bigint | null = null) => ({
    maxFeePerGas: max,
    maxPriorityFeePerGas: tip,
    gasLimit: 60_000n,
    gasReserved: 60_000n * max,
    wishedFee,
  });
  it.each<[string, ReturnType<typeof slot>, ChainFees, [bigint, bigint] | string]>([
    ['where the chain asks less than before', slot(100n, 10n), market(20n), [113n, 12n]],
    ['where the chain asks more', slot(100n, 10n), market(200n), [410n, 12n]],
    ['where its own tip is below the least', slot(100n, 2n), market(20n), [113n, 10n]],
    ['that can not be raised once more', slot(100n, 10n), market(470n), [1_000n, 12n]],
    ['with an eighth left to the cap', slot(800n, 10n), market(20n), [1_000n, 12n]],
    ['that is just below an eighth under the cap', slot(888n, 10n), market(20n), [1_000n, 12n]],
    ['with less than an eighth left', slot(889n, 10n), market(20n), 'at_cap'],
    ['at the cap', slot(1_000n, 10n), market(20n), 'at_cap'],
    ['whose cap the chain still takes', slot(100n, 10n), market(990n), [1_000n, 12n]],
    ['whose cap the chain does not take', slot(100n, 10n), market(991n), 'at_cap'],
    ['of a chain without a base fee', slot(100n, 10n), market(0n), [113n, 12n]],
    ['with a tip as high as its fee', slot(100n, 100n), market(20n), [113n, 113n]],
    ['of nothing', slot(1n, 0n), market(0n), [10n, 10n]],
    ['as a client wishes', slot(100n, 10n, 700n), market(20n), [700n, 12n]],
    ['that a client wishes too low by now', slot(100n, 10n, 105n), market(20n), [113n, 12n]],
    ['that a client wishes above the cap', slot(100n, 10n, 5_000n), market(20n), [1_000n, 12n]],
  ])('%s', (_, before, asking, expected) => {
    const action = decideBid('effect', before, asking, PLENTY);
    const shown =
      action.kind === 'order'
        ? [action.price.maxFeePerGas, action.price.maxPriorityFeePerGas]
        : action.kind;
    expect(shown).toEqual(expected);
    if (action.kind !== 'order') return;
    expect(action.gasReserved).toBe(60_000n * action.price.maxFeePerGas);
    expect(action.gasLimit).toBe(60_000n);
  });

  it.each([
    [60_000n * 13n, 'order'],
    [60_000n * 13n - 1n, 'lane_gas'],
    [0n, 'lane_gas'],
  ])('needs free coin for what it adds: %s', (free, expected) => {
    expect(decideBid('effect', slot(100n, 10n), market(20n), free).kind).toBe(expected);
  });

  it('raised again and again comes to the cap and not beyond it', () => {
    const bids: bigint[] = [];
    let now = slot(100n, 10n);
    for (;;) {
      const action = decideBid('effect', now, market(20n), PLENTY);
      if (action.kind !== 'order') break;
      const { maxFeePerGas, maxPriorityFeePerGas } = action.price;
      bids.push(maxFeePerGas);
      now = { ...slot(maxFeePerGas, maxPriorityFeePerGas), gasReserved: action.gasReserved };
    }
    expect(bids.at(-1)).toBe(1_000n);
    expect(bids.length).toBeGreaterThan(10);
  });
});

describe('the next bid for a filler', () => {
  const slot = (max: bigint, gasReserved: bigint, tip = 10n) => ({
    maxFeePerGas: max,
    maxPriorityFeePerGas: tip,
    gasLimit: 60_000n,
    gasReserved,
    wishedFee: 900n,
  });
  it.each<[string, ReturnType<typeof slot>, ChainFees, [bigint, bigint] | string]>([
    [
      'of a slot with nothing signed',
      slot(0n, 31_500n * 50n, 0n),
      market(20n),
      [50n, 31_500n * 50n],
    ],
    [
      'above an effect, within what is set aside',
      slot(100n, 31_500n * 100n),
      market(20n),
      [113n, 31_500n * 100n],
    ],
    ['as far as that goes', slot(100n, 31_500n * 100n), market(120n), [150n, 31_500n * 100n]],
    [
      'beyond it, where the chain asks more',
      slot(100n, 31_500n * 100n),
      market(150n),
      [310n, 21_000n * 310n],
    ],
    [
      'above an effect at the cap',
      slot(1_000n, 31_125n * 1_000n),
      market(20n),
      [1_125n, 31_125n * 1_000n],
    ],
    ['above a filler at its cap', slot(1_500n, 31_500n * 1_000n), market(20n), 'at_cap'],
    [
      'where the chain takes not even that',
      slot(1_000n, 31_500n * 1_000n),
      market(1_491n),
      'at_cap',
    ],
  ])('%s', (_, before, asking, expected) => {
    const action = decideBid('filler', before, asking, PLENTY);
    const shown =
      action.kind === 'order' ? [action.price.maxFeePerGas, action.gasReserved] : action.kind;
    expect(shown).toEqual(expected);
    if (action.kind === 'order') expect(action.gasLimit).toBe(21_000n);
  });

  it('always fits into what the effect has set aside, also without free coin', () => {
    for (const max of [1n, 8n, 99n, 1_000n]) {
      const action = decideBid('filler', slot(max, 31_500n * max), market(max / 4n), 0n);
      expect([max, action.kind]).toEqual([max, max < 20n ? action.kind : 'order']);
    }
  });
});

describe('of the slots of a lane', () => {
  const slot = (nonce: bigint, more: Partial<SlotBids> = {}): SlotBids => ({
    txId: `tx-${nonce}`,
    tenantId: 't',
    correlationId: 'c',
    chainId: 1,
    laneId: 1,
    from: `0x${'aa'.repeat(20)}`,
    nonce,
    gasReserved: 60_000n * 100n,
    fillReason: null,
    failureCode: null,
    endedUnpaid: false,
    ordinal: 1,
    maxFeePerGas: 100n,
    maxPriorityFeePerGas: 10n,
    gasLimit: 60_000n,
    filling: false,
    pending: false,
    sent: true,
    consumed: false,
    atFront: nonce === 5n,
    passedOver: true,
    wishId: null,
    wishedFee: null,
    ...more,
  });
  const low = { maxFeePerGas: 25n };
  const shown = (slots: SlotBids[], base = 20n, free = PLENTY) =>
    decideLane(slots, market(base), free).map(({ slot: { nonce }, action }) =>
      [nonce, action.kind === 'order' ? action.of : action.kind].join(' '),
    );

  it.each<[string, SlotBids[], string[]]>([
    ['the front bids more', [slot(5n)], ['5 effect']],
    ['none does before its patience is over', [slot(5n, { passedOver: false })], []],
    ['none does that was not sent yet', [slot(5n, { sent: false })], []],
    ['none does whose order is open', [slot(5n, { pending: true })], []],
    [
      'what is behind the front and would be taken waits',
      [slot(5n), slot(6n), slot(7n)],
      ['5 effect'],
    ],
    [
      'what is behind it and would not be taken bids more with it',
      [slot(5n), slot(6n, low), slot(7n, low)],
      ['5 effect', '6 effect', '7 effect'],
    ],
    [
      'one between that would be taken is no obstacle',
      [slot(5n, low), slot(6n), slot(7n, low)],
      ['5 effect', '7 effect'],
    ],
    [
      'one that bids more already is none either',
      [slot(5n, { pending: true }), slot(6n, low)],
      ['6 effect'],
    ],
    [
      'one that is not sent yet is one',
      [slot(5n), slot(6n, { sent: false, passedOver: false }), slot(7n, low)],
      ['5 effect'],
    ],
    [
      'one that would not be taken and is too young is one',
      [slot(5n), slot(6n, { ...low, passedOver: false }), slot(7n, low)],
      ['5 effect'],
    ],
    [
      'behind a front that stands in time nothing bids',
      [slot(5n, { ...low, passedOver: false }), slot(6n, low)],
      [],
    ],
    ['a closed slot bids for its filler', [slot(5n, { fillReason: 'filled' })], ['5 filler']],
    ['so does one that ended unpaid', [slot(5n, { endedUnpaid: true })], ['5 filler']],
    [
      'a wish is met wherever it stands',
      [slot(5n, { passedOver: false }), slot(9n, { wishId: 'w', passedOver: false })],
      ['9 effect'],
    ],
    [
      'a wish is met beside an open order',
      [slot(5n, { wishId: 'w', pending: true })],
      ['5 effect'],
    ],
    [
      'a wish for a mined one comes too late',
      [slot(4n, { wishId: 'w', consumed: true })],
      ['4 too_late'],
    ],
    [
      'a wish for one that ended unpaid comes too late',
      [slot(5n, { wishId: 'w', endedUnpaid: true })],
      ['5 too_late'],
    ],
    [
      'a wish for one that is closed comes too late',
      [slot(5n, { wishId: 'w', fillReason: 'filled' })],
      ['5 too_late'],
    ],
  ])('%s', (_, slots, expected) => {
    expect(shown(slots)).toEqual(expected);
  });

  it('all are told that are at the cap, and none pays more behind one that is', () => {
    const atCap = { maxFeePerGas: 1_000n, gasReserved: 60_000n * 1_000n };
    expect(shown([slot(5n, atCap), slot(6n, atCap), slot(7n)], 995n)).toEqual([
      '5 at_cap',
      '6 at_cap',
      '7 at_cap',
    ]);
    // The front would be taken at last; what is behind it and bids less waits for it.
    expect(shown([slot(5n, atCap), slot(6n, low)], 900n)).toEqual(['5 at_cap']);
  });

  it('bid as far as the free coin of the lane goes, in their order', () => {
    const slots = [slot(5n, low), slot(6n, low), slot(7n, low)];
    const rise = 60_000n * 50n - 60_000n * 100n;
    expect(rise).toBeLessThan(0n);
    const dear = slots.map((each) => ({ ...each, gasReserved: 60_000n * 25n }));
    expect(shown(dear, 20n, 60_000n * 25n * 2n)).toEqual(['5 effect', '6 effect', '7 lane_gas']);
    expect(shown(dear, 20n, 0n)).toEqual(['5 lane_gas']);
  });
});
