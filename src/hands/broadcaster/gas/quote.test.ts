import { describe, expect, it } from 'vitest';
import type { FeeMarket } from '../../../base/chain/index.ts';
import type { FeeSettings } from '../../../base/config/index.ts';
import { percentilesOf, quote } from './quote.ts';

const rules: FeeSettings = {
  maxFeePerGas: 100n,
  minPriorityFeePerGas: 2n,
  percentile: 50,
  blocks: 20,
  baseFeeMultiplier: 2_000n,
  urgency: 'normal',
};
/** Blocks by their tips of normal urgency; low ones are one less, high ones three more. */
const market = (baseFeePerGas: bigint, ...tips: bigint[]): FeeMarket => ({
  baseFeePerGas,
  tips: tips.map((tip) => [tip - 1n, tip, tip + 3n]),
});
const shown = (price: ReturnType<typeof quote>) =>
  price && [price.maxFeePerGas, price.maxPriorityFeePerGas];

describe('a bid on a chain with a base fee', () => {
  it.each<[string, FeeMarket, Partial<FeeSettings>, [bigint, bigint] | null]>([
    ['twice the base fee and the least tip without a history', market(10n), {}, [22n, 2n]],
    ['the tip that others paid', market(10n, 5n), {}, [25n, 5n]],
    ['the least tip where others pay less', market(10n, 1n, 1n), {}, [22n, 2n]],
    ['the median block', market(10n, 3n, 9n, 5n), {}, [25n, 5n]],
    ['the upper one of two', market(10n, 5n, 3n), {}, [25n, 5n]],
    ['not what one block of a spike paid', market(10n, 5n, 5n, 90n), {}, [25n, 5n]],
    ['under the cap', market(49n), {}, [100n, 2n]],
    ['under the cap, its tip whole', market(50n, 30n), {}, [100n, 30n]],
    ['under the cap, its tip cut to what is left', market(90n, 30n), {}, [100n, 10n]],
    ['just the least', market(98n, 30n), {}, [100n, 2n]],
    ['none where the least does not fit', market(99n), {}, null],
    ['none at a base fee above the cap', market(500n), {}, null],
    ['the tip alone at a base fee of zero', market(0n), {}, [2n, 2n]],
    ['one wei where nothing is asked', market(0n), { minPriorityFeePerGas: 0n }, [1n, 0n]],
    ['rounded up', market(11n), { baseFeeMultiplier: 1_250n }, [16n, 2n]],
    [
      'the base fee itself, if so configured',
      market(11n),
      { baseFeeMultiplier: 1_000n },
      [13n, 2n],
    ],
    ['low, if so configured', market(10n, 5n), { urgency: 'low' }, [24n, 4n]],
    ['high, if so configured', market(10n, 5n), { urgency: 'high' }, [28n, 8n]],
  ])('is %s', (_, at, more, expected) => {
    expect(shown(quote({ market: at, rules: { ...rules, ...more } }))).toEqual(expected);
  });

  it('takes the urgency and the cap that it is asked with before the configured ones', () => {
    const fees = { market: market(50n, 5n), rules };
    expect(shown(quote(fees, { urgency: 'high' }))).toEqual([100n, 8n]);
    expect(shown(quote(fees, { urgency: 'high', cap: 150n }))).toEqual([108n, 8n]);
    expect(shown(quote(fees, { cap: 52n }))).toEqual([52n, 2n]);
    expect(shown(quote(fees, { cap: 51n }))).toBeNull();
    expect(shown(quote({ market: market(0n), rules }, { cap: 0n }))).toBeNull();
  });

  it('is an EIP-1559 transaction', () => {
    expect(quote({ market: market(1n), rules })?.txType).toBe(2);
  });
});

describe('a bid on a chain without a base fee', () => {
  it.each<[bigint, FeeSettings['urgency'], bigint | null]>([
    [40n, 'low', 40n],
    [40n, 'normal', 40n],
    [40n, 'high', 50n],
    [41n, 'high', 52n],
    [1n, 'normal', 2n],
    [0n, 'normal', 2n],
    [100n, 'high', 100n],
    [100n, 'normal', 100n],
    [101n, 'normal', null],
  ])('of the node’s gas price %s at urgency %s is %s, a legacy one', (gasPrice, urgency, price) => {
    const bid = quote({ market: { baseFeePerGas: null, gasPrice }, rules }, { urgency });
    expect(bid).toEqual(price && { maxFeePerGas: price, maxPriorityFeePerGas: price, txType: 0 });
  });

  it('is never for nothing', () => {
    const free = { market: { baseFeePerGas: null, gasPrice: 0n }, rules: { ...rules } };
    free.rules.minPriorityFeePerGas = 0n;
    expect(quote(free)?.maxFeePerGas).toBe(1n);
  });
});

describe('the percentiles of tips', () => {
  it.each([
    [50, [25, 50, 75]],
    [1, [0.5, 1, 50.5]],
    [99, [49.5, 99, 99.5]],
  ])('around %s are %s', (percentile, expected) => {
    expect(percentilesOf(percentile)).toEqual(expected);
  });
});
