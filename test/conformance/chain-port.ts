import { expect, it } from 'vitest';
import { checkEffect, effectOf, fillerOf, paidByTransfers } from '../../src/base/effect/index.ts';
import { type Address, TRANSFER_TOPIC, Transient } from '../../src/base/kernel/index.ts';
import { GWEI } from '../support/sign.ts';
import { authorized } from './authorized.ts';
import { pool, reorgs } from './chain-port-pool.ts';
import { type Begin, beginOn, type ChainUnderTest, hashesOf, PAYEE } from './chain-under-test.ts';

const POOR: Address = `0x${'5b'.repeat(20)}`;

/**
 * What every adapter of the chain port must do, and what anvil and the fake chain agree on; call it inside a
 * describe of the adapter. Where anvil is not like geth, and the fake is like geth, only what both do is asked:
 * - any higher cap replaces in anvil; geth wants 10 % more of both fees. Asked: nothing less than a higher
 *   cap does, and 12.5 % more of both always does.
 * - evicting a transaction takes the sender's later ones with it in anvil; in geth they wait.
 * - anvil estimates a plain transfer that its sender can not pay for.
 * - anvil has words of its own for a gas limit above the block's, which no rule of ours names.
 * - a base fee above the cap of a pooled transaction evicts it in anvil; in geth it waits. Not asked.
 */
export function chainPortConformance(start: () => ChainUnderTest): void {
  const begin = beginOn(start);
  blocksAndTags(begin);
  pool(begin);
  effects(begin);
  reorgs(begin);
}

function blocksAndTags(begin: Begin): void {
  it('walks linked blocks and knows none that is not there', async () => {
    const { chain, chainId, mine, ...on } = await begin();
    expect(await chain.chainId()).toBe(chainId);
    await mine(3);
    const latest = await on.latest();
    const blocks = await chain.blocks(latest.number - 2, latest.number + 1);
    expect(blocks.map((block) => block?.number ?? null)).toEqual([
      latest.number - 2,
      latest.number - 1,
      latest.number,
      null,
    ]);
    expect(blocks[2]!.parentHash).toBe(blocks[1]!.hash);
    expect(blocks[1]!.parentHash).toBe(blocks[0]!.hash);
    expect(blocks[2]!.hash).toBe(latest.hash);
    expect(blocks[1]!.timestamp).toBeGreaterThanOrEqual(blocks[0]!.timestamp);
    expect(await chain.header(latest.number + 1_000)).toBeNull();
    expect(await chain.blocks(latest.number + 5, latest.number + 6)).toEqual([null, null]);
    expect(await chain.header(latest.number)).toEqual(latest);
  });

  it('has safe one epoch and finalized two epochs below the latest block', async () => {
    const { chain, mine, slotsInEpoch, ...on } = await begin();
    await mine(3 * slotsInEpoch);
    const { number } = await on.latest();
    expect((await chain.header('safe'))!.number).toBe(number - slotsInEpoch);
    expect((await chain.header('finalized'))!.number).toBe(number - 2 * slotsInEpoch);
  });

  it('has no state of a block that is not there', async () => {
    const { chain, lane, token, ...on } = await begin();
    const beyond = (await on.latest()).number + 1_000;
    await expect(chain.transactionCounts([lane], beyond)).rejects.toThrow(Transient);
    await expect(chain.balances([lane], beyond)).rejects.toThrow(Transient);
    await expect(chain.tokenBalances(token, [lane], beyond)).rejects.toThrow(Transient);
  });
}

function effects(begin: Begin): void {
  it('says what gas costs: the next base fee, and the tips of blocks that had some', async () => {
    const { chain, mine, ...on } = await begin();
    const tips = [3n, 1n, 2n].map((gwei) => gwei * GWEI);
    const raw = tips.map((maxPriorityFeePerGas, index) =>
      on.signed({ ahead: BigInt(index), maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas }),
    );
    await chain.send(raw);
    await mine(3);
    const latest = await on.latest();
    const market = await chain.feeMarket({ blocks: 3, percentiles: [1, 50, 99] });
    expect(market.baseFeePerGas).toBeGreaterThan(0n);
    expect(market.baseFeePerGas).toBeLessThanOrEqual(latest.baseFeePerGas!);
    expect(market).toMatchObject({ tips: [[GWEI, 2n * GWEI, expect.any(BigInt)]] });
    expect(await chain.feeMarket({ blocks: 1, percentiles: [50] })).toMatchObject({ tips: [] });
  });

  it('estimates each call by itself', async () => {
    const { chain, lane, token } = await begin();
    const call = { from: lane, to: PAYEE, value: 1n, data: '0x' as const };
    const transfer = { token, recipient: PAYEE, amount: 1n };
    const [fine, poor, paid, tooMuch, nobody] = await chain.estimateGas([
      call,
      { ...call, from: POOR },
      { from: lane, ...effectOf(transfer) },
      { from: lane, ...effectOf({ ...transfer, amount: 10n ** 18n }) },
      { from: lane, ...effectOf({ ...transfer, recipient: `0x${'00'.repeat(20)}` }) },
    ]);
    expect(fine).toEqual({ ok: true, gas: 21_000n });
    expect(poor!.ok || poor!.kind === 'funds').toBe(true);
    expect(paid!.ok && paid!.gas > 21_000n && paid!.gas < 100_000n).toBe(true);
    expect(tooMuch).toMatchObject({ ok: false, kind: 'reverted' });
    expect(nobody).toMatchObject({ ok: false, kind: 'reverted' });
  });

  it('simulates each call with its gas, and takes an estimate for enough', async () => {
    const { chain, lane, token } = await begin();
    const plain = { from: lane, to: PAYEE, value: 1n, data: '0x' as const };
    const transfer = { token, recipient: PAYEE, amount: 1n };
    const paid = { from: lane, ...effectOf(transfer) };
    const [estimate] = await chain.estimateGas([paid]);
    const gas = estimate!.ok ? estimate!.gas : 0n;
    const answers = await chain.simulate([
      { ...plain, gas: 21_000n },
      { ...plain, gas: 20_999n },
      { ...plain, from: POOR, gas: 21_000n },
      { ...paid, gas },
      { ...paid, gas: gas / 2n },
      { from: lane, ...effectOf({ ...transfer, amount: 10n ** 18n }), gas },
    ]);
    const failed = { ok: false };
    const yes = { ok: true, returned: `0x${'0'.repeat(63)}1` };
    expect(answers).toEqual([{ ok: true, returned: '0x' }, failed, failed, yes, failed, failed]);
  });

  it('tells what anybody may make go through, each as if it were alone', async () => {
    const { chain, key, token } = await begin();
    const payment = async (amount: bigint, by = key) => ({
      to: token,
      data: await authorized({ token, payer: key, by, amount }),
      gas: 150_000n,
    });
    const [most, other] = [await payment(6_000_000n), await payment(6_000_000n)];
    const forged = await payment(1n, `0x${'17'.repeat(32)}`);
    const starved = { ...most, gas: 40_000n };
    // Both together are more than the payer has, and no nonce can be used twice.
    const calls = [most, other, most, await payment(10n ** 18n), forged, starved];
    expect(await chain.passes(calls)).toEqual([true, true, true, false, false, false]);
    expect(await chain.passes([most])).toEqual([true]);
    expect(await chain.passes([])).toEqual([]);
  });

  it('moves a token with a Transfer log, and mines what reverts without effect', async () => {
    const { chain, mine, lane, nonce, token, ...on } = await begin();
    const [payee, own] = await chain.tokenBalances(token, [PAYEE, lane], 'latest');
    const intent = { token, recipient: PAYEE, amount: 1_234_567n };
    const raw = [
      on.signed(effectOf(intent)),
      on.signed({ ahead: 1n, ...fillerOf(lane) }),
      on.signed({ ahead: 2n, ...effectOf({ ...intent, amount: 10n ** 18n }) }),
      on.signed({ ahead: 3n, ...effectOf(intent), gasLimit: 30_000n }),
    ];
    const [coins] = await chain.balances([lane], 'latest');
    expect(await on.classes(raw)).toEqual(Array(4).fill('accepted'));
    await mine(1);
    const receipts = (await chain.receipts(hashesOf(raw))).map((receipt) => receipt!);
    const [paid, filler, tooMuch, starved] = receipts;
    expect(checkEffect({ ...intent, from: lane }, paid!)).toBe('paid');
    expect(checkEffect({ ...intent, from: lane, amount: 1n }, paid!)).toBe('mismatch');
    expect(paid!.logs[0]).toMatchObject({ address: token, topics: [TRANSFER_TOPIC, {}, {}] });
    const asked = { tokens: [token], fromBlock: paid!.blockNumber, toBlock: paid!.blockNumber };
    const sent = await chain.transfers({ ...asked, from: [lane] });
    const { transactionHash, blockNumber, blockHash } = paid!;
    const log = { transactionHash, blockNumber, blockHash, logIndex: 0, ...paid!.logs[0]! };
    expect(sent).toEqual([log]);
    expect(paidByTransfers({ ...intent, from: lane }, sent)).toBe(true);
    expect(await chain.transfers({ ...asked, to: [POOR, PAYEE] })).toEqual([log]);
    expect(await chain.transfers({ ...asked, to: [lane] })).toEqual([]);
    expect(await chain.transfers({ ...asked, from: [PAYEE] })).toEqual([]);
    expect(await chain.transfers({ ...asked, tokens: [POOR], from: [lane] })).toEqual([]);
    expect(await chain.transfers({ ...asked, to: [] })).toEqual([]);
    expect(await chain.transfers({ ...asked, tokens: [], from: [lane] })).toEqual([]);
    const before = { ...asked, fromBlock: blockNumber - 1, toBlock: blockNumber - 1 };
    expect(await chain.transfers({ ...before, from: [lane] })).toEqual([]);
    expect(filler).toMatchObject({ status: 'success', from: lane, to: lane, gasUsed: 21_000n });
    for (const reverted of [tooMuch, starved]) {
      expect(reverted).toMatchObject({ status: 'reverted', logs: [], to: token });
      expect(checkEffect({ ...intent, from: lane }, reverted!)).toBe('reverted');
    }
    expect(starved!.gasUsed).toBe(30_000n);
    const block = (await chain.blockTransactions(paid!.blockNumber))!;
    expect(block.hash).toBe(paid!.blockHash);
    const shown = await chain.transactionsByHash(hashesOf(raw));
    expect(block.transactions).toEqual(expect.arrayContaining(shown));
    expect(shown[0]).toMatchObject({ from: lane, nonce, blockHash: block.hash });
    expect(await chain.blockTransactions(paid!.blockNumber + 1_000)).toBeNull();
    const gas = receipts.reduce((sum, { gasUsed, effectiveGasPrice }) => {
      return sum + gasUsed * effectiveGasPrice;
    }, 0n);
    expect(await chain.balances([lane], 'latest')).toEqual([coins! - gas]);
    expect(await chain.transactionCounts([lane], 'latest')).toEqual([nonce + 4n]);
    const amounts = [payee! + intent.amount, own! - intent.amount];
    expect(await chain.tokenBalances(token, [PAYEE, lane], 'latest')).toEqual(amounts);
    const earlier = await chain.tokenBalances(token, [PAYEE, lane], paid!.blockNumber - 1);
    expect(earlier).toEqual([payee, own]);
  });

  it('knows a token by its code and decimals', async () => {
    const { chain, token } = await begin();
    expect(await chain.code(token, 'latest')).toMatch(/^0x[0-9a-f]{2}/);
    expect(await chain.code(PAYEE, 'latest')).toBe('0x');
    expect(await chain.tokenDecimals(token)).toBe(6);
    await expect(chain.tokenDecimals(PAYEE)).rejects.toThrow(Transient);
    await expect(chain.tokenBalances(PAYEE, [POOR], 'latest')).rejects.toThrow(Transient);
  });
}
