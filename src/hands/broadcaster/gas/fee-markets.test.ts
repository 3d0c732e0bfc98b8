import { expect, it } from 'vitest';
import { FakeChain, FakeNode } from '../../../../test/support/fake-chain/index.ts';
import { developmentSettings } from '../../../base/config/index.ts';
import { Transient } from '../../../base/kernel/index.ts';
import { FeeMarkets } from './fee-markets.ts';

const settings = developmentSettings({
  databaseUrl: '',
  signerDatabaseUrl: null,
  rpcUrl: 'http://127.0.0.1:1',
  token: `0x${'70'.repeat(20)}`,
  lanes: [],
}).chains[0]!;

function begin() {
  let time = 0;
  const chain = new FakeChain({ seed: 1, baseFeePerGas: 7n });
  const node = new FakeNode(chain);
  const markets = new FeeMarkets({ now: () => 0, monotonic: () => time, sleep: async () => {} });
  return {
    chain,
    node,
    pass: (ms: number) => {
      time += ms;
    },
    baseFeeAt: async (hash: string) =>
      (await markets.at({ hash }, { settings, port: node })).baseFeePerGas,
  };
}

it('asks a chain for its fees once for each head', async () => {
  const { chain, node, baseFeeAt } = begin();
  expect([await baseFeeAt('0x1'), await baseFeeAt('0x1')]).toEqual([7n, 7n]);
  chain.setBaseFee(9n);
  expect([await baseFeeAt('0x1'), await baseFeeAt('0x2'), await baseFeeAt('0x2')]).toEqual([
    7n,
    9n,
    9n,
  ]);
  expect(node.counts()).toEqual({ feeMarket: 2 });
});

it('asks again when the head stands still for ten seconds', async () => {
  const { chain, pass, baseFeeAt } = begin();
  await baseFeeAt('0x1');
  chain.setBaseFee(9n);
  pass(9_999);
  expect(await baseFeeAt('0x1')).toBe(7n);
  pass(1);
  expect(await baseFeeAt('0x1')).toBe(9n);
});

it('remembers no answer that did not come', async () => {
  const { node, baseFeeAt } = begin();
  node.failNext('feeMarket', { kind: 'busy', status: 429 });
  await expect(baseFeeAt('0x1')).rejects.toThrow(Transient);
  expect(await baseFeeAt('0x1')).toBe(7n);
});
