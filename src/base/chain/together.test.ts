import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Hex, toHex } from '../kernel/index.ts';
import { NodeChain } from './node.ts';
import { ToyNode } from './pool/toy-node.fixture.ts';
import type { OpenCall } from './port.ts';
import { callOfAll, gather, PASS_EACH, verdictsOf } from './together.ts';

const call = (gas: bigint, bytes = 0): OpenCall => ({
  to: `0x${'70'.repeat(20)}`,
  data: `0x${'ff'.repeat(bytes)}`,
  gas,
});
const times = (count: number, one: OpenCall) => Array<OpenCall>(count).fill(one);

describe('many calls in one', () => {
  it('run what contracts/PassEach.yul compiles to', () => {
    const file = new URL('../../../contracts/artifacts/PassEach.json', import.meta.url);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ bytecode: PASS_EACH });
  });

  it.each([
    ['none', [], []],
    ['one', [call(80_000n, 300)], [1]],
    ['payments with the most gas', times(120, call(250_000n, 324)), [50, 50, 20]],
    ['payments of a usual wallet', times(150, call(80_000n, 324)), [117, 33]],
    ['wallets with the longest signatures', times(40, call(100_000n, 2_400)), [19, 19, 2]],
    ['one that fills it', [call(1n), call(16_000_000n), call(1n)], [1, 1, 1]],
  ])('hold no more gas and bytes than a node gives: %s', (_, calls, sizes) => {
    const groups = gather(calls);
    expect(groups.map(({ length }) => length)).toEqual(sizes);
    expect(groups.flat()).toEqual(calls);
  });

  it('give each the gas that its own transaction would have left for it', () => {
    const { params } = callOfAll([call(100_000n, 2), call(20_000n)]);
    const to = '70'.repeat(20);
    const left = (100_000 - 21_000 - 2 * 16).toString(16).padStart(8, '0');
    expect(params).toMatchObject([
      { data: `${PASS_EACH}${to}${left}00000002ffff${to}0000000000000000` },
      'latest',
    ]);
  });

  it.each<[string, Hex, boolean[]]>([
    ['a byte for each', '0x0100', [true, false]],
    ['nothing', '0x', [false, false]],
    ['too little', '0x01', [false, false]],
    ['too much', '0x010101', [false, false]],
    ['other bytes', '0x0102', [false, false]],
  ])('are no yes unless the answer is: %s', (_, returned, verdicts) => {
    expect(verdictsOf(returned, 2)).toEqual(verdicts);
  });
});

describe('a node that is asked for many calls in one', () => {
  let node: ToyNode;
  let asked: { to?: Hex; data: Hex }[];
  const calls = [1, 2, 3].map((n) => ({ ...call(90_000n, n), to: toHex(Buffer.alloc(20, n)) }));
  const refused = { error: { code: -32000, message: 'contract creation is not supported' } };

  beforeAll(async () => {
    node = await ToyNode.start();
  });
  afterAll(() => node.stop());
  beforeEach(() => {
    asked = [];
  });
  const answers = (together: { result: Hex } | typeof refused) =>
    node.says.set('eth_call', ({ params: [given] }) => {
      const of = given as (typeof asked)[number];
      asked.push(of);
      if (of.to === undefined) return together;
      return of.to === calls[1]!.to ? refused : { result: '0x' };
    });
  const passes = () => new NodeChain({ url: node.url }).passes(calls);

  it('is asked once when all go through', async () => {
    answers({ result: '0x010101' });
    expect(await passes()).toEqual([true, true, true]);
    expect(asked).toHaveLength(1);
  });

  it('is asked again for what failed in company, by itself', async () => {
    answers({ result: '0x000001' });
    expect(await passes()).toEqual([true, false, true]);
    expect(asked.map(({ to }) => to)).toEqual([undefined, calls[0]!.to, calls[1]!.to]);
  });

  it.each([
    ['refuses', refused],
    ['does something else', { result: '0x' as Hex }],
  ])('is asked for each by itself when it %s', async (_, together) => {
    answers(together);
    expect(await passes()).toEqual([true, false, true]);
    expect(asked).toHaveLength(4);
  });
});
