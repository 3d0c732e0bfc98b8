import { privateKeyToAddress } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { effectOf } from '../../../src/base/effect/index.ts';
import { type Address, type Hex, Transient } from '../../../src/base/kernel/index.ts';
import { chainPortConformance } from '../../conformance/chain-port.ts';
import type { ChainUnderTest } from '../../conformance/chain-under-test.ts';
import { sign } from '../sign.ts';
import { FakeChain, type FakeChainOptions, FakeNode, type Fault } from './index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const LANE = privateKeyToAddress(KEY).toLowerCase() as Address;
const TOKEN: Address = `0x${'70'.repeat(20)}`;
const PAYEE: Address = `0x${'5c'.repeat(20)}`;

function chainOf(options: Partial<FakeChainOptions> = {}): FakeChain {
  const chain = new FakeChain({
    seed: 1,
    tokens: [{ address: TOKEN, decimals: 6, eip712: { name: 'USD Coin', version: '2' } }],
    ...options,
  });
  chain.give(LANE, 10n ** 22n);
  chain.give(LANE, 10_000_000n, TOKEN);
  return chain;
}

const pay = (nonce: bigint, value = 1n) => sign(KEY, { nonce, to: PAYEE, value });
const payAll = (count: number) => Array.from({ length: count }, (_, n) => pay(BigInt(n)));

describe.each([
  ['like geth: 10 % more of both fees replaces', 10n],
  ['like anvil: any higher cap replaces', 0n],
])('FakeNode, %s', (_name, replacementPercent) => {
  const chain = chainOf({ replacementPercent });
  chainPortConformance(
    (): ChainUnderTest => ({
      chain: new FakeNode(chain),
      chainId: 31337,
      slotsInEpoch: 4,
      mine: async (blocks) => void chain.mine(blocks),
      drop: async (hash) => void chain.drop(hash),
      reorg: async (depth) => void chain.reorg(depth, { toPool: false }),
      lane: LANE,
      key: KEY,
      token: TOKEN,
    }),
  );
});

describe('FakeChain', () => {
  const walk = (seed: number) => {
    const chain = chainOf({ seed });
    for (const { bytes } of payAll(6)) {
      chain.take(bytes);
      chain.mine();
    }
    chain.reorg(5, { transactions: 'shuffle' });
    chain.mine(2);
    return Array.from({ length: chain.height + 1 }, (_, height) => chain.block(height));
  };

  it('has the same blocks for the same seed and calls, and others for another seed', () => {
    expect(walk(7)).toEqual(walk(7));
    expect(walk(8)[1]!.hash).not.toBe(walk(7)[1]!.hash);
  });

  it('keeps transactions over a reorg, in other blocks, or returns them to the pool', () => {
    const chain = chainOf();
    const raw = payAll(4);
    for (const { bytes } of raw) {
      chain.take(bytes);
      chain.mine();
    }
    const placed = () => raw.map(({ hash }) => chain.receipt(hash)?.blockNumber ?? null);
    const before = chain.block(4)!.hash;
    expect(chain.reorg(4, { transactions: 'keep' })).toEqual({ fork: 0, orphaned: [] });
    expect(placed()).toEqual([1, 2, 3, 4]);
    expect(chain.block(4)!.hash).not.toBe(before);
    chain.reorg(4, { transactions: 'shuffle' });
    expect(placed()).toEqual([...placed()].sort());
    expect(placed()).not.toContain(null);
    // The second one left out takes the later nonces with it.
    const without = (hash: Hex) => hash !== raw[1]!.hash;
    expect(chain.reorg(4, { transactions: without, blocks: 5 }).orphaned).toHaveLength(3);
    expect(placed().map((height) => height !== null)).toEqual([true, false, false, false]);
    expect([chain.height, chain.pool.size]).toEqual([5, 3]);
    chain.mine();
    expect(placed().slice(1)).toEqual([6, 6, 6]);
    chain.reorg(6, { toPool: false });
    expect([chain.pool.size, ...placed()]).toEqual([0, null, null, null, null]);
    expect(chain.revive(raw[0]!.hash)).toBe(true);
    chain.mine();
    expect([chain.revive(raw[0]!.hash), placed()[0]]).toEqual([false, 7]);
    expect(() => chain.reorg(8)).toThrow(RangeError);
  });

  it('gives coins as if they had always been there, and keeps them over a reorg', () => {
    const chain = chainOf();
    chain.take(pay(0n, 5n).bytes);
    chain.mine(3);
    chain.give(PAYEE, 7n);
    expect([0, 1].map((height) => chain.world.coins(PAYEE, height))).toEqual([7n, 12n]);
    chain.reorg(3);
    expect(chain.world.coins(PAYEE, 3)).toBe(7n);
  });

  it('makes no block while it stalls, and takes transactions all the same', () => {
    const chain = chainOf();
    chain.stall();
    expect(chain.take(pay(0n).bytes).refusal).toBeNull();
    expect([chain.mine(3), chain.height, chain.pool.size]).toEqual([[], 0, 1]);
    chain.resume();
    expect(chain.mine()[0]!.transactions).toHaveLength(1);
  });

  it('reverts the next transaction that is meant, once, and never lets a refusing account be paid', () => {
    const chain = chainOf();
    chain.revertNext((tx) => tx.nonce === 1n);
    const transfer = effectOf({ token: TOKEN, recipient: PAYEE, amount: 1n });
    const raw = [pay(0n), pay(1n), pay(2n), sign(KEY, { nonce: 3n, ...transfer })];
    for (const { bytes } of raw) chain.take(bytes);
    chain.world.refusing.add(PAYEE);
    chain.mine(1, { leave: (tx) => tx.nonce > 1n });
    chain.world.refusing.delete(PAYEE);
    chain.reorg(1, { transactions: 'keep' });
    chain.world.refusing.add(PAYEE);
    chain.mine();
    expect(raw.map(({ hash }) => chain.receipt(hash)!.status)).toEqual([
      ...['success', 'success', 'reverted', 'reverted'],
    ]);
    expect(chain.world.coins(PAYEE, chain.height)).toBe(2n);
  });

  it('lets what bids below the base fee wait, and what is too much for one block go to the next', () => {
    const chain = chainOf({ blockGasLimit: 250_000n });
    for (const { bytes } of payAll(3)) chain.take(bytes);
    chain.setBaseFee(10n ** 12n);
    expect(chain.mine()[0]!.transactions).toEqual([]);
    chain.setBaseFee(10n ** 9n);
    expect(chain.mine()[0]!.transactions).toHaveLength(2);
    expect(chain.mine()[0]!.transactions).toHaveLength(1);
  });

  it('takes its time from the clock it is given, and never goes back', () => {
    let now = 2_000_000_000;
    const chain = chainOf({ now: () => now });
    now += 100;
    expect(chain.mine(2).map(({ timestamp }) => timestamp)).toEqual([now, now + 1]);
  });
});

describe('FakeNode', () => {
  it.each<[Fault, string, boolean]>([
    [{ kind: 'lost', delivered: true }, 'unknown', true],
    [{ kind: 'lost', delivered: false }, 'unknown', false],
    [{ kind: 'lost', delivered: 'late' }, 'unknown', false],
    [{ kind: 'busy', status: 429 }, 'unknown', false],
    [{ kind: 'busy', status: 503 }, 'unknown', false],
    [{ kind: 'says', message: 'already known' }, 'already_known', false],
    [{ kind: 'says', message: 'nonce too low: next nonce 4, tx nonce 0' }, 'nonce_used', false],
    [{ kind: 'says', message: 'insufficient funds for gas * price + value' }, 'funds', false],
    [{ kind: 'says', message: 'txpool is full', delivered: true }, 'pool_full', true],
    [{ kind: 'wrong_hash' }, 'unknown', true],
    [{ kind: 'twice' }, 'already_known', true],
    [{ kind: 'stale', blocks: 1 }, 'accepted', true],
    [{ kind: 'delay', ms: 5 }, 'accepted', true],
  ])('answers a send with %j as %s', async (fault, wanted, taken) => {
    const chain = chainOf();
    const node = new FakeNode(chain);
    const raw = pay(0n);
    node.failNext('send', fault);
    expect(await node.send([raw])).toMatchObject([{ hash: raw.hash, class: wanted }]);
    expect(chain.transaction(raw.hash) !== undefined).toBe(taken);
    expect(await node.send([raw])).toMatchObject([{ class: taken ? 'already_known' : 'accepted' }]);
    expect(node.counts()).toEqual({ send: 2, [`send ${fault.kind}`]: 1 });
  });

  it('serves the items before the one that a fault begins at', async () => {
    const node = new FakeNode(chainOf());
    node.failNext('send', { kind: 'lost', delivered: false, from: 1 });
    const answers = await node.send(payAll(3));
    expect(answers.map((answer) => answer.class)).toEqual(['accepted', 'unknown', 'unknown']);
  });

  it('delivers late what was lost on its way, when it is told to', async () => {
    const chain = chainOf();
    const node = new FakeNode(chain, {
      faultOf: ({ method, count }) =>
        method === 'send' && count === 0 ? { kind: 'lost', delivered: 'late' } : null,
    });
    const [first, second] = payAll(2);
    await node.send([first!]);
    await node.send([second!]);
    chain.mine();
    expect(chain.receipt(second!.hash)).toBeUndefined();
    expect(node.deliverLate()).toBe(1);
    chain.mine();
    expect([first, second].map((raw) => chain.receipt(raw!.hash)?.blockNumber)).toEqual([2, 2]);
  });

  it('has no answer to a read that is lost, refused or too much', async () => {
    const node = new FakeNode(chainOf());
    const faults: Fault[] = [
      { kind: 'lost', delivered: false },
      { kind: 'busy', status: 502 },
      { kind: 'says', message: 'Internal error' },
    ];
    for (const fault of faults) {
      node.failNext('header', fault);
      await expect(node.header('latest')).rejects.toThrow(Transient);
    }
    expect((await node.header('latest'))!.number).toBe(0);
  });

  it('shows an older head with all that belongs to it while it lags', async () => {
    const chain = chainOf();
    const node = new FakeNode(chain);
    const raw = pay(0n);
    chain.take(raw.bytes);
    chain.mine(2);
    node.lag(2);
    expect((await node.header('latest'))!.number).toBe(0);
    expect(await node.blocks(1, 1)).toEqual([null]);
    expect(await node.receipts([raw.hash])).toEqual([null]);
    expect(await node.transactionsByHash([raw.hash])).toMatchObject([{ blockNumber: null }]);
    expect(await node.transactionCounts([LANE], 'latest')).toEqual([0n]);
    await expect(node.balances([LANE], 1)).rejects.toThrow(Transient);
    node.lag(0);
    node.failNext('receipts', { kind: 'stale', blocks: 2 });
    expect(await node.receipts([raw.hash])).toEqual([null]);
    expect(await node.receipts([raw.hash])).toMatchObject([{ blockNumber: 1 }]);
  });

  it('waits by the clock of its owner before a delayed call is delivered', async () => {
    const chain = chainOf();
    let wake = () => {};
    const slept: number[] = [];
    const sleep = (ms: number) => {
      slept.push(ms);
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    };
    const node = new FakeNode(chain, { sleep });
    node.failNext('send', { kind: 'delay', ms: 700 });
    const answer = node.send([pay(0n)]);
    expect([slept, chain.pool.size]).toEqual([[700], 0]);
    wake();
    expect([await answer, chain.pool.size]).toMatchObject([[{ class: 'accepted' }], 1]);
  });
});
