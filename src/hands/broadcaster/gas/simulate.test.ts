import { beforeEach, describe, expect, it } from 'vitest';
import { FakeChain, FakeNode } from '../../../../test/support/fake-chain/index.ts';
import type { GasEstimate, Simulation } from '../../../base/chain/index.ts';
import { type Address, systemClock } from '../../../base/kernel/index.ts';
import { judgeAnswer } from './decide-answer.ts';
import { simulateTransfers } from './simulate.ts';
import { TransferGas } from './transfer-gas.ts';

const TOKEN: Address = `0x${'70'.repeat(20)}`;
const FROM: Address = `0x${'1a'.repeat(20)}`;
const payee = (n: number): Address => `0x${'0'.repeat(38)}${n + 10}`;
const word = (last: string) => `0x${last.padStart(64, '0')}` as const;

describe('what a call with enough gas says', () => {
  const fine = { ok: true, gas: 50_000n };
  const refused = { ok: false, kind: 'reverted' };
  it.each<[string, Simulation, Address | null, object | null]>([
    ['nothing when it fails', { ok: false }, TOKEN, null],
    ['yes for a token that answers true', { ok: true, returned: word('1') }, TOKEN, fine],
    ['yes for a token that answers nothing', { ok: true, returned: '0x' }, TOKEN, fine],
    ['yes for a token that answers too little', { ok: true, returned: '0x00' }, TOKEN, fine],
    ['no for a token that answers false', { ok: true, returned: word('0') }, TOKEN, refused],
    ['no for false and more', { ok: true, returned: `${word('0')}ff` }, TOKEN, refused],
    ['yes for coins, whatever is answered', { ok: true, returned: word('0') }, null, fine],
  ])('is %s', (_, answer, token, expected) => {
    const judged = judgeAnswer(answer, token, 50_000n);
    if (expected === null) expect(judged).toBeNull();
    else expect(judged).toMatchObject(expected);
  });
});

describe('simulation of transfers', () => {
  let chain: FakeChain;
  let node: FakeNode;
  let memory: TransferGas;
  beforeEach(() => {
    chain = new FakeChain({ seed: 1, tokens: [{ address: TOKEN, decimals: 6 }] });
    chain.give(FROM, 10n ** 18n);
    chain.give(FROM, 1_000n, TOKEN);
    node = new FakeNode(chain);
    memory = new TransferGas(systemClock);
  });

  const token = (to: Address, amount = 1n) => ({
    tx: { asset: 'USDC', token: TOKEN, recipient: to, amount },
    from: FROM,
  });
  const coins = (to: Address, amount = 1n) => ({
    tx: { asset: 'ETH', token: null, recipient: to, amount },
    from: FROM,
  });
  const told = async (...transfers: Parameters<typeof simulateTransfers>[2]) =>
    (await simulateTransfers(node, memory, transfers))?.map((answer: GasEstimate) =>
      answer.ok ? answer.gas : answer.kind,
    );

  it('estimates the first of an asset, and calls the next with what that took', async () => {
    expect(await told(token(payee(1)), coins(payee(1)))).toEqual([51_500n, 21_000n]);
    expect(node.counts()).toEqual({ estimateGas: 1, simulate: 1 });
    expect(await told(coins(payee(2)), token(payee(2)), token(payee(3)))).toEqual([
      21_000n,
      51_500n,
      51_500n,
    ]);
    expect(node.counts()).toEqual({ estimateGas: 1, simulate: 2 });
  });

  it('estimates what it is not enough for, and remembers the more', async () => {
    chain.give(payee(1), 1n, TOKEN);
    expect(await told(token(payee(1)))).toEqual([34_400n]);
    expect(await told(token(payee(1)), token(payee(2)))).toEqual([34_400n, 51_500n]);
    expect(await told(token(payee(1)))).toEqual([51_500n]);
  });

  it('tells a revert and a lack of funds by the estimate, each of its own transfer', async () => {
    await told(token(payee(1)), coins(payee(1)));
    chain.world.refusing.add(payee(2));
    expect(
      await told(
        token(payee(2)),
        token(payee(1)),
        coins(payee(2)),
        coins(payee(1), 10n ** 19n),
        token(payee(1), 1_001n),
      ),
    ).toEqual(['reverted', 51_500n, 'reverted', 'funds', 'reverted']);
  });

  it('takes an answer of false for a revert, known or not yet known what it takes', async () => {
    chain.world.denied.add(payee(2));
    expect(await told(token(payee(2)))).toEqual(['reverted']);
    expect(memory.recall('USDC')).toBeNull();
    expect(await told(token(payee(1)), token(payee(2)))).toEqual([51_500n, 'reverted']);
    expect(await told(token(payee(2)), token(payee(3)))).toEqual(['reverted', 51_500n]);
  });

  it('says nothing when the node can not be asked, whichever call is lost', async () => {
    node.failNext('estimateGas', { kind: 'lost', delivered: false });
    expect(await told(token(payee(1)))).toBeUndefined();
    node.failNext('simulate', { kind: 'lost', delivered: false });
    expect(await told(token(payee(1)))).toBeUndefined();
    await told(token(payee(1)));
    node.failNext('simulate', { kind: 'busy', status: 429 });
    expect(await told(token(payee(1)))).toBeUndefined();
  });
});
