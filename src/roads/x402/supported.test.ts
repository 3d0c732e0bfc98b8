import { describe, expect, it } from 'vitest';
import { developmentSettings, type LaneSettings } from '../../base/config/index.ts';
import type { Address } from '../../base/kernel/index.ts';
import { supportedOf, takerOf } from './supported.ts';

const CHAIN = 31_337;
const address = (byte: string): Address => `0x${byte.repeat(20)}`;
const lane = (byte: string, over: Partial<LaneSettings> = {}): LaneSettings => ({
  ...{ chain: 'local', chainId: CHAIN, address: address(byte), key: byte, tenant: 'demo' },
  ...{ purpose: 'pay', minGas: 0n, minBalances: [] },
  ...over,
});
const { assets } = developmentSettings({
  databaseUrl: '',
  signerDatabaseUrl: null,
  rpcUrl: '',
  token: address('22'),
  lanes: [],
});
const uptoOf = (kinds: ReturnType<ReturnType<typeof supportedOf>>['kinds']) =>
  kinds.filter(({ scheme }) => scheme === 'upto').map(({ extra }) => extra?.facilitatorAddress);

describe('what is supported', () => {
  it('is exact in both versions, and upto by each wallet in its turn', () => {
    const supported = supportedOf({ assets, lanes: [lane('aa'), lane('bb')] });
    const { kinds, signers } = supported(null);
    expect(kinds.map(({ x402Version, scheme }) => [x402Version, scheme])).toEqual([
      [2, 'exact'],
      [1, 'exact'],
      [2, 'upto'],
    ]);
    expect(signers).toEqual({ 'eip155:31337': [address('aa'), address('bb')] });
    const told = [1, 2].flatMap(() => uptoOf(supported(null).kinds));
    expect(told.sort()).toEqual([address('aa'), address('bb')]);
    const takers = [1, 2].map(() => takerOf(supported(null), CHAIN));
    expect(takers.sort()).toEqual([address('aa'), address('bb')]);
    expect(takerOf(supported(null), 1)).toBeNull();
  });

  it('names no wallet that gives no slots any more, or fills others', () => {
    const lanes = [lane('aa', { retired: true }), lane('bb', { purpose: 'treasury' })];
    expect(supportedOf({ assets, lanes })(null).kinds).toEqual([]);
    const supported = supportedOf({ assets, lanes: [...lanes, lane('cc')] });
    for (const _ of [1, 2, 3]) expect(uptoOf(supported(null).kinds)).toEqual([address('cc')]);
  });

  it('names a merchant its own tenant’s wallets, and nobody any where there are several', () => {
    const supported = supportedOf({ assets, lanes: [lane('aa'), lane('bb', { tenant: 'other' })] });
    const own = { lanes: [{ chainId: CHAIN, address: address('bb') }] };
    for (const _ of [1, 2]) expect(uptoOf(supported(own).kinds)).toEqual([address('bb')]);
    expect(uptoOf(supported(null).kinds)).toEqual([]);
    expect(uptoOf(supported({ lanes: [] }).kinds)).toEqual([]);
  });
});
