import { beforeEach, describe, expect, it } from 'vitest';
import { FakeChain, FakeNode } from '../../../../test/support/fake-chain/index.ts';
import { type Address, systemClock, Transient } from '../../kernel/index.ts';
import type { ChainPort } from '../port.ts';
import { agreedReads, type Dispute } from './agreed.ts';
import { tally } from './tally.ts';

type Word = number | null;

describe('a tally', () => {
  const votes = (words: readonly Word[]) =>
    words.map((value, index) => ({ name: `n${index}`, value }));
  it.each<[Word[], number, Word, string[]]>([
    [[7], 1, 7, []],
    [[null], 1, null, []],
    [[7, 7], 2, 7, []],
    [[7, 8], 2, null, ['n0', 'n1']],
    [[7, null], 2, null, []],
    [[7, 7, 8], 2, 7, ['n2']],
    [[7, null, 7], 2, 7, []],
    [[7, 8, 9], 2, null, ['n0', 'n1', 'n2']],
    [[8, 7, 7, 7, 8], 3, 7, ['n0', 'n4']],
    [[], 1, null, []],
  ])('of %j with %i needed is %s, against: %j', (words, needed, agreed, against) => {
    expect(tally(votes(words), needed)).toMatchObject({ agreed, against });
  });

  it('compares what is inside, whole numbers of any size too', () => {
    const words = [{ gas: 1n }, { gas: 1n }, { gas: 2n }];
    const said = words.map((value, index) => ({ name: `n${index}`, value }));
    expect(tally(said, 2)).toMatchObject({ agreed: { gas: 1n }, against: ['n2'] });
  });
});

const TOKEN: Address = `0x${'70'.repeat(20)}`;
const LANE: Address = `0x${'1a'.repeat(20)}`;
const QUERY = { tokens: [TOKEN], from: [LANE], fromBlock: 1, toBlock: 3 };

describe('what two of three nodes agree on', () => {
  let chain: FakeChain;
  let nodes: ChainPort[];
  let disputes: Dispute[];
  let agreeing: Set<string>;
  let port: ChainPort;
  beforeEach(() => {
    chain = new FakeChain({ seed: 1, tokens: [{ address: TOKEN, decimals: 6 }] });
    for (let block = 0; block < 3; block += 1) chain.mine();
    nodes = [0, 1, 2].map(() => new FakeNode(chain));
    disputes = [];
    agreeing = new Set();
    port = agreedReads({
      reads: nodes[0]!,
      voters: nodes.map((_, index) => ({
        name: `n${index}`,
        // As it is when it is asked: tests change nodes.
        ask: (question) => question(nodes[index]!),
      })),
      needed: 2,
      clock: systemClock,
      graceMs: 0,
      disputed: (dispute) => disputes.push(dispute),
      agreedWith: (names) => {
        for (const name of names) agreeing.add(name);
      },
    });
  });

  /** The node as it is, but for these answers. */
  function lying(index: number, lies: Partial<ChainPort>): void {
    const node = nodes[index]!;
    nodes[index] = new Proxy(node, {
      get: (target, name) =>
        (lies as Record<string, unknown>)[name as string] ??
        (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target),
    });
  }
  const down = (index: number) =>
    lying(
      index,
      Object.fromEntries(
        ['header', 'blocks', 'receipts', 'transfers', 'balances'].map((name) => [
          name,
          () => Promise.reject(new Transient('down')),
        ]),
      ),
    );
  const forged = `0x${'ee'.repeat(32)}` as const;

  it('is what they show when all are well, and nobody is named', async () => {
    const latest = (await nodes[0]!.header('latest'))!;
    expect(await port.header('latest')).toEqual(latest);
    expect(await port.blocks(1, 3)).toEqual(await nodes[0]!.blocks(1, 3));
    expect(await port.transfers(QUERY)).toEqual([]);
    expect(await port.balances([LANE], 3)).toEqual([0n]);
    expect(disputes).toEqual([]);
    expect(agreeing).toEqual(new Set(['n0', 'n1', 'n2']));
  });

  it('has the head that two have come to: one ahead invents nothing, one behind holds nothing back', async () => {
    const latest = (await nodes[0]!.header('latest'))!;
    const behind = (await nodes[0]!.header(1))!;
    lying(0, { header: async () => ({ ...latest, number: 9_000, hash: forged }) });
    expect(await port.header('latest')).toEqual(latest);
    lying(1, { header: async (tag) => (tag === 'latest' ? behind : nodes[2]!.header(tag)) });
    // n0 invents, n1 stands at block 1, which all have.
    expect((await port.header('latest'))?.number).toBe(3);
  });

  it('has no finality that one node alone tells of', async () => {
    const latest = (await nodes[0]!.header('latest'))!;
    const honest = (await nodes[0]!.header('finalized'))!;
    lying(2, { header: async (tag) => (tag === 'finalized' ? latest : nodes[0]!.header(tag)) });
    expect(await port.header('finalized')).toEqual(honest);
  });

  it('has no block, receipt or log that one node forges, and names it', async () => {
    const block = (await nodes[0]!.blocks(2, 2))[0]!;
    lying(1, {
      blocks: async () => [{ ...block, hash: forged, transactions: [forged] }],
      receipts: async (hashes) =>
        hashes.map((transactionHash) => ({
          ...{ transactionHash, blockNumber: 2, blockHash: block.hash, status: 'success' as const },
          ...{ gasUsed: 1n, effectiveGasPrice: 1n, l1Fee: 0n, from: LANE, to: TOKEN, logs: [] },
        })),
      transfers: async () => [
        {
          ...{ transactionHash: forged, blockNumber: 2, blockHash: block.hash, logIndex: 0 },
          ...{ address: TOKEN, topics: [], data: '0x' as const },
        },
      ],
      balances: async () => [5n],
      tokenBalances: async () => [5n],
    });
    // In the block that is asked about somebody else's transaction stands in the place of ours.
    const whole = await nodes[0]!.blockTransactions(2);
    lying(1, {
      blockTransactions: async () => ({ ...whole!, hash: forged }),
    });
    expect(await port.blockTransactions(2)).toEqual(whole);
    expect(await port.tokenBalances(TOKEN, [LANE], 3)).toEqual([0n]);
    disputes.length = 0;
    expect(await port.blocks(2, 2)).toEqual([block]);
    expect(await port.receipts([forged])).toEqual([null]);
    expect(await port.transfers(QUERY)).toEqual([]);
    expect(await port.balances([LANE], 3)).toEqual([0n]);
    expect(disputes).toEqual(
      (['blocks', 'transfers', 'accounts'] as const).map((about) => ({
        ...{ about, settled: true, against: ['n1'] },
      })),
    );
  });

  it('is nothing when only one is left, and everything again when a second is', async () => {
    const honest = [...nodes];
    down(0);
    down(1);
    expect(await port.header('latest')).toBeNull();
    expect(await port.blocks(2, 2)).toEqual([null]);
    await expect(port.transfers(QUERY)).rejects.toThrow(/fewer than 2 of 3 nodes agree/);
    await expect(port.balances([LANE], 3)).rejects.toThrow(Transient);
    expect(disputes).toEqual([]);
    nodes[1] = honest[1]!;
    expect((await port.header('latest'))?.number).toBe(3);
    expect(await port.transfers(QUERY)).toEqual([]);
  });

  it('is nothing when all say something else', async () => {
    const block = (await nodes[0]!.blocks(2, 2))[0]!;
    lying(0, { blocks: async () => [{ ...block, hash: forged }] });
    lying(1, { blocks: async () => [{ ...block, transactions: [forged] }] });
    expect(await port.blocks(2, 2)).toEqual([null]);
    expect(disputes).toEqual([{ about: 'blocks', settled: false, against: ['n0', 'n1', 'n2'] }]);
  });

  it('does not count logs of a node that has not come to the end of the range', async () => {
    const answers = { header: async () => null };
    lying(0, answers);
    lying(1, answers);
    await expect(port.transfers(QUERY)).rejects.toThrow(/Transfer logs/);
  });

  it('waits for no node once enough have agreed', async () => {
    lying(2, { blocks: () => new Promise(() => {}) });
    expect(await port.blocks(2, 2)).toEqual(await nodes[0]!.blocks(2, 2));
  });
});
