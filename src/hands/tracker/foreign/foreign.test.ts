import { describe, expect, it } from 'vitest';
import { type Address, type Hex, TRANSFER_TOPIC, Transient } from '../../../base/kernel/index.ts';
import { judgeForeign } from './decide-foreign.ts';
import { blockOfNonce } from './foreign.ts';

const LANE: Address = `0x${'a1'.repeat(20)}`;
const PAYEE: Address = `0x${'b2'.repeat(20)}`;
const OTHER: Address = `0x${'c3'.repeat(20)}`;
const TOKEN: Address = `0x${'d4'.repeat(20)}`;

const word = (value: bigint | Address): Hex =>
  `0x${BigInt(value).toString(16).padStart(64, '0')}` as Hex;
const log = (to: Address, amount: bigint, token = TOKEN, from = LANE) => ({
  address: token,
  topics: [TRANSFER_TOPIC, word(from), word(to)],
  data: word(amount),
});

describe('a foreign transaction on a nonce of ours', () => {
  const token = { token: TOKEN, recipient: PAYEE, amount: 5n };
  const native = { token: null, recipient: PAYEE, amount: 5n };
  const call = { to: TOKEN, value: 0n, data: '0xa9059cbb00' as Hex };
  const done = { status: 'success' as const, logs: [log(PAYEE, 5n)] };
  it.each<
    [
      string,
      typeof token | typeof native | null,
      Parameters<typeof judgeForeign>[2],
      Parameters<typeof judgeForeign>[3],
      boolean,
    ]
  >([
    ['pays what the slot wants', token, call, done, true],
    ['gives its recipient another amount', token, call, { ...done, logs: [log(PAYEE, 1n)] }, true],
    ['pays somebody else', token, call, { ...done, logs: [log(OTHER, 5n)] }, false],
    ['pays in another token', token, call, { ...done, logs: [log(PAYEE, 5n, OTHER)] }, false],
    ["moves another's", token, call, { ...done, logs: [log(PAYEE, 5n, TOKEN, OTHER)] }, false],
    ['reverted', token, call, { status: 'reverted', logs: [] }, false],
    ['pays the coin', native, { to: PAYEE, value: 5n, data: '0x' }, { ...done, logs: [] }, true],
    ['calls without value', native, { to: PAYEE, value: 0n, data: '0x' }, done, false],
    ['pays coin elsewhere', native, { to: OTHER, value: 5n, data: '0x' }, done, false],
    ['has a nonce without a slot', null, call, done, false],
  ])('%s', (_, intent, shown, receipt, paysIntent) => {
    expect(judgeForeign(LANE, intent, shown, receipt).paysIntent).toBe(paysIntent);
  });

  it('is told with what it called and moved', () => {
    expect(judgeForeign(LANE, null, call, done).did).toEqual({
      succeeded: true,
      to: TOKEN,
      valueWei: '0',
      call: '0xa9059cbb',
      moved: [{ token: TOKEN, to: PAYEE, amount: '5' }],
    });
  });
});

describe('the block that consumed a nonce', () => {
  /** Nonce n is consumed in block blocks[n]; states below `oldest` are gone. */
  const node = (blocks: readonly number[], oldest = 0) => {
    const asked: number[] = [];
    const transactionCounts = async (_: readonly Address[], block: number | string) => {
      if (Number(block) < oldest) throw new Transient('missing trie node');
      asked.push(Number(block));
      return [BigInt(blocks.filter((at) => at <= Number(block)).length)];
    };
    return { port: { transactionCounts }, asked };
  };
  it.each([
    [[5, 10, 10, 99], 0n, 1, 5],
    [[5, 10, 10, 99], 1n, 5, 10],
    [[5, 10, 10, 99], 2n, 5, 10],
    [[5, 10, 10, 99], 3n, 10, 99],
    [[5, 10, 10, 100], 3n, 10, 100],
  ])('of %j holds nonce %s: found from %s at %s', async (blocks, nonce, from, at) => {
    const { port } = node(blocks);
    expect(await blockOfNonce(port, LANE, { nonce, from, to: 100 })).toBe(at);
  });

  it('is found without the states of long ago where it is recent', async () => {
    const { port, asked } = node([1, 990], 900);
    expect(await blockOfNonce(port, LANE, { nonce: 1n, from: 1, to: 1_000 })).toBe(990);
    expect(asked.length).toBeLessThan(12);
  });

  it('is not guessed where the node has lost the states in between', async () => {
    const { port } = node([1, 500], 900);
    const found = blockOfNonce(port, LANE, { nonce: 1n, from: 1, to: 1_000 });
    await expect(found).rejects.toThrow(Transient);
  });
});
