import { expect, it } from 'vitest';
import type { Hex } from '../../src/base/kernel/index.ts';
import { GWEI } from '../support/sign.ts';
import { type Begin, hashesOf, PAYEE } from './chain-under-test.ts';

const ABSENT: Hex = `0x${'00'.repeat(31)}01`;

/** What a node takes into its pool, keeps there and puts into blocks. */
export function pool(begin: Begin): void {
  it('takes signed bytes once, says already known of them after, and shows their receipt', async () => {
    const { chain, mine, lane, nonce, ...on } = await begin();
    const [before] = await chain.balances([PAYEE], 'latest');
    const raw = [0n, 1n].map((ahead) => on.signed({ ahead, value: 7n }));
    expect(await on.classes(raw)).toEqual(['accepted', 'accepted']);
    expect(await on.classes(raw)).toEqual(['already_known', 'already_known']);
    expect(await chain.receipts([raw[0]!.hash])).toEqual([null]);
    expect(await chain.transactionsByHash([raw[0]!.hash])).toMatchObject([
      { hash: raw[0]!.hash, from: lane, nonce, to: PAYEE, value: 7n, data: '0x', blockHash: null },
    ]);
    expect(await chain.transactionCounts([lane], 'latest')).toEqual([nonce]);
    expect(await chain.transactionCounts([lane], 'pending')).toEqual([nonce + 2n]);
    await mine(1);
    const [one, none, two] = await chain.receipts([raw[0]!.hash, ABSENT, raw[1]!.hash]);
    expect(none).toBeNull();
    expect([one!.transactionHash, two!.transactionHash]).toEqual(hashesOf(raw));
    const expected = { status: 'success', from: lane, to: PAYEE, gasUsed: 21_000n, logs: [] };
    expect(one).toMatchObject(expected);
    const [block] = await chain.blocks(one!.blockNumber, one!.blockNumber);
    expect(block!.hash).toBe(one!.blockHash);
    expect(block!.transactions).toEqual(hashesOf(raw));
    expect(one!.effectiveGasPrice).toBe(block!.baseFeePerGas! + GWEI);
    expect(await chain.transactionsByHash([raw[1]!.hash, ABSENT])).toMatchObject([
      { blockHash: one!.blockHash, blockNumber: one!.blockNumber },
      null,
    ]);
    expect(await chain.transactionCounts([lane, PAYEE], 'latest')).toEqual([nonce + 2n, 0n]);
    expect(await chain.transactionCounts([lane], one!.blockNumber - 1)).toEqual([nonce]);
    expect(await chain.balances([PAYEE], 'latest')).toEqual([before! + 14n]);
    expect(await chain.balances([PAYEE], one!.blockNumber - 1)).toEqual([before]);
    expect(await on.classes(raw)).toEqual(['nonce_used', 'nonce_used']);
  });

  it('tells a used nonce, another holder of the nonce and missing funds apart', async () => {
    const { chain, mine, ...on } = await begin();
    await chain.send([on.signed()]);
    const same = on.signed({ value: 2n });
    expect(await on.classes([same])).toEqual(['other_holds_nonce']);
    await mine(1);
    expect(await on.classes([same])).toEqual(['nonce_used']);
    const rich = on.signed({ ahead: 1n, value: 10n ** 30n });
    expect(await on.classes([rich])).toEqual(['funds']);
  });

  it('refuses bytes that no chain could execute, and keeps none of them', async () => {
    const { chain, chainId, ...on } = await begin();
    const fine = on.signed();
    const cut = { hash: fine.hash, bytes: fine.bytes.subarray(0, -1) };
    expect(['unknown', 'refused']).toContain((await on.classes([cut]))[0]);
    expect(await on.classes([on.signed({ chainId: chainId + 1 })])).toEqual(['refused']);
    expect(await on.classes([on.signed({ gasLimit: 20_000n })])).toEqual(['refused']);
    expect(await on.classes([on.signed({ maxFeePerGas: 1n, maxPriorityFeePerGas: 1n })])).toEqual([
      'underpriced',
    ]);
    const tip = on.signed({ maxPriorityFeePerGas: 11n * GWEI });
    expect(await on.classes([tip])).toEqual(['fee_cap']);
    const huge = on.signed({ gasLimit: 10n ** 12n, maxFeePerGas: 2n * GWEI });
    expect(['unknown', 'refused', 'funds']).toContain((await on.classes([huge]))[0]);
    expect(await chain.transactionsByHash(hashesOf([fine, tip, huge]))).toEqual([null, null, null]);
  });

  it('lets a transaction be replaced by one that bids more in both fees, and by no other', async () => {
    const { chain, mine, ...on } = await begin();
    const first = on.signed({ maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 2n * GWEI });
    const tipOnly = on.signed({ maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 4n * GWEI });
    const lower = on.signed({ maxFeePerGas: 19n * GWEI, maxPriorityFeePerGas: 2n * GWEI });
    const higher = on.signed({
      maxFeePerGas: (20n * GWEI * 9n) / 8n,
      maxPriorityFeePerGas: (2n * GWEI * 9n) / 8n,
    });
    expect(await on.classes([first, tipOnly, lower])).toEqual([
      'accepted',
      'other_holds_nonce',
      'other_holds_nonce',
    ]);
    expect(await on.classes([higher, first])).toEqual(['accepted', 'other_holds_nonce']);
    expect(await chain.transactionsByHash([first.hash])).toEqual([null]);
    await mine(1);
    const receipts = await chain.receipts(hashesOf([first, higher]));
    expect(receipts).toMatchObject([null, { status: 'success' }]);
  });

  it('holds a nonce behind a gap until the gap is closed', async () => {
    const { chain, mine, lane, nonce, ...on } = await begin();
    const [first, second] = [on.signed(), on.signed({ ahead: 1n })];
    expect(await on.classes([second])).toEqual(['accepted']);
    expect(await chain.transactionCounts([lane], 'pending')).toEqual([nonce]);
    await mine(1);
    expect(await chain.receipts([second.hash])).toEqual([null]);
    expect(await on.classes([first])).toEqual(['accepted']);
    expect(await chain.transactionCounts([lane], 'pending')).toEqual([nonce + 2n]);
    await mine(1);
    const [one, two] = await chain.receipts(hashesOf([first, second]));
    expect(two!.blockHash).toBe(one!.blockHash);
  });

  it('forgets what was evicted, and takes the same bytes again', async () => {
    const { chain, mine, drop, ...on } = await begin();
    const raw = [on.signed(), on.signed({ ahead: 1n })];
    await chain.send(raw);
    await drop(raw[0]!.hash);
    expect(await chain.transactionsByHash([raw[0]!.hash])).toEqual([null]);
    await mine(1);
    expect(await chain.receipts(hashesOf(raw))).toEqual([null, null]);
    const [first, second] = await on.classes(raw);
    expect(first).toBe('accepted');
    expect(['accepted', 'already_known']).toContain(second);
    await mine(1);
    const receipts = await chain.receipts(hashesOf(raw));
    expect(receipts).toMatchObject([{ status: 'success' }, { status: 'success' }]);
  });
}

/** What is left of a transaction whose block is taken back. */
export function reorgs(begin: Begin): void {
  it('takes blocks back with all they did, and the same bytes make it so again', async () => {
    const { chain, mine, reorg, lane, nonce, ...on } = await begin();
    const [coins] = await chain.balances([PAYEE], 'latest');
    const raw = [on.signed({ value: 5n }), on.signed({ ahead: 1n, value: 6n })];
    await chain.send(raw.slice(0, 1));
    await mine(1);
    await chain.send(raw.slice(1));
    await mine(2);
    const before = await on.latest();
    const old = await chain.blocks(before.number - 3, before.number);
    await reorg(3);
    const after = await on.latest();
    expect(after.number).toBe(before.number);
    const fresh = await chain.blocks(before.number - 3, before.number);
    expect(fresh[0]!.hash).toBe(old[0]!.hash);
    for (const at of [1, 2, 3]) {
      expect(fresh[at]!.hash).not.toBe(old[at]!.hash);
      expect(fresh[at]!.parentHash).toBe(fresh[at - 1]!.hash);
    }
    expect(await chain.receipts(hashesOf(raw))).toEqual([null, null]);
    expect(await chain.transactionCounts([lane], 'latest')).toEqual([nonce]);
    expect(await chain.balances([PAYEE], 'latest')).toEqual([coins]);
    expect(await on.classes(raw)).toEqual(['accepted', 'accepted']);
    await mine(1);
    const receipts = await chain.receipts(hashesOf(raw));
    for (const receipt of receipts) expect(receipt!.blockNumber).toBe(after.number + 1);
    expect(await chain.balances([PAYEE], 'latest')).toEqual([coins! + 11n]);
  });

  it('lets another transaction take the nonce of one that was taken back', async () => {
    const { chain, mine, reorg, lane, nonce, ...on } = await begin();
    const [first, other] = [on.signed({ value: 5n }), on.signed({ value: 9n })];
    await chain.send([first]);
    await mine(1);
    await reorg(1);
    expect(await on.classes([other])).toEqual(['accepted']);
    await mine(1);
    expect(await on.classes([first])).toEqual(['nonce_used']);
    expect((await chain.receipts(hashesOf([first, other]))).map(Boolean)).toEqual([false, true]);
    expect(await chain.transactionCounts([lane], 'latest')).toEqual([nonce + 1n]);
  });
}
