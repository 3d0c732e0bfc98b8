import { describe, expect, it } from 'vitest';
import { PERIOD_MS, TransferGas } from './transfer-gas.ts';

const COIN = { asset: 'eip155:1/slip44:60', token: null };
const TOKEN = { asset: 'eip155:1/erc20:0x70', token: '0x70' };

function memory() {
  let time = 5_000_000;
  const clock = { now: () => 0, monotonic: () => time, sleep: async () => {} };
  return {
    gas: new TransferGas(clock),
    pass: (periods: number) => {
      time += periods * PERIOD_MS;
    },
  };
}

describe('what is remembered of the gas of transfers', () => {
  it('is the highest estimate of an asset, and of no other', () => {
    const { gas } = memory();
    expect(gas.recall(TOKEN.asset)).toBeNull();
    for (const estimate of [34_400n, 51_500n, 34_400n]) gas.remember(TOKEN, estimate);
    expect(gas.recall(TOKEN.asset)).toBe(51_500n);
    expect(gas.recall(COIN.asset)).toBeNull();
  });

  it.each([
    ['a plain transfer', COIN, 21_000n, 21_000n],
    ['a plain transfer where its data is paid for', COIN, 42_000n, 42_000n],
    ['a recipient with much code', COIN, 42_001n, null],
    ['a token', TOKEN, 150_000n, 150_000n],
    ['a token that calls a recipient with much code', TOKEN, 150_001n, null],
  ])('leaves out what the recipient makes dear: %s', (_, asset, estimate, remembered) => {
    const { gas } = memory();
    gas.remember(asset, estimate);
    expect(gas.recall(asset.asset)).toBe(remembered);
  });

  it.each([
    [0.9, 51_500n],
    [1.1, 51_500n],
    [1.9, 51_500n],
    [2, null],
    [9, null],
  ])('lasts between one and two periods: after %s of them it is %s', (periods, remembered) => {
    const { gas, pass } = memory();
    gas.remember(TOKEN, 51_500n);
    pass(periods);
    expect(gas.recall(TOKEN.asset)).toBe(remembered);
  });

  it('slides: an estimate of the next period outlives one of the period before', () => {
    const { gas, pass } = memory();
    gas.remember(TOKEN, 51_500n);
    pass(1.1);
    gas.remember(TOKEN, 34_400n);
    expect(gas.recall(TOKEN.asset)).toBe(51_500n);
    pass(1);
    expect(gas.recall(TOKEN.asset)).toBe(34_400n);
    pass(1);
    expect(gas.recall(TOKEN.asset)).toBeNull();
  });
});
