import { expect, it } from 'vitest';
import type { ChainPort } from '../../src/base/chain/index.ts';
import type { Address, Hex } from '../../src/base/kernel/index.ts';

/** One chain without automatic blocks, with a lane that has coins and can sign. */
export type ChainUnderTest = {
  chain: ChainPort;
  chainId: number;
  /** Includes what the pool has, then this many blocks in all. */
  mine(blocks: number): Promise<void>;
  lane: Address;
  /** Signed bytes of a plain transfer from the lane. */
  transfer(fields: { nonce: bigint; to: Address; value: bigint; maxFeePerGas?: bigint }): {
    hash: Hex;
    bytes: Buffer;
  };
};

const PAYEE: Address = `0x${'5a'.repeat(20)}`;
const POOR: Address = `0x${'5b'.repeat(20)}`;
const ABSENT: Hex = `0x${'00'.repeat(31)}01`;

/** What every adapter of the chain port must do; call it inside a describe of the adapter. */
export function chainPortConformance(start: () => ChainUnderTest): void {
  it('walks linked blocks and knows none that is not there', async () => {
    const { chain, chainId, mine } = start();
    expect(await chain.chainId()).toBe(chainId);
    await mine(3);
    const latest = (await chain.header('latest'))!;
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
    expect(await chain.header(latest.number + 1_000)).toBeNull();
  });

  it('orders latest, safe and finalized', async () => {
    const { chain, mine } = start();
    await mine(20);
    const [latest, safe, finalized] = await Promise.all([
      chain.header('latest'),
      chain.header('safe'),
      chain.header('finalized'),
    ]);
    expect(finalized!.number).toBeLessThanOrEqual(safe!.number);
    expect(safe!.number).toBeLessThanOrEqual(latest!.number);
  });

  it('takes signed bytes once, says already known of them after, and shows their receipt', async () => {
    const { chain, mine, lane, transfer } = start();
    const nonce = (await chain.transactionCounts([lane], 'latest'))[0]!;
    const [before] = await chain.balances([PAYEE], 'latest');
    const raw = [0n, 1n].map((n) => transfer({ nonce: nonce + n, to: PAYEE, value: 7n }));
    expect((await chain.send(raw)).map((answer) => answer.class)).toEqual(['accepted', 'accepted']);
    expect((await chain.send(raw)).map((answer) => answer.class)).toEqual([
      'already_known',
      'already_known',
    ]);
    expect(await chain.receipts([raw[0]!.hash])).toEqual([null]);
    expect(await chain.transactionsByHash([raw[0]!.hash])).toMatchObject([
      { hash: raw[0]!.hash, from: lane, nonce, to: PAYEE, value: 7n, data: '0x', blockHash: null },
    ]);
    await mine(1);
    const [one, none, two] = await chain.receipts([raw[0]!.hash, ABSENT, raw[1]!.hash]);
    expect(none).toBeNull();
    expect([one!.transactionHash, two!.transactionHash]).toEqual(raw.map(({ hash }) => hash));
    expect(one).toMatchObject({
      status: 'success',
      from: lane,
      to: PAYEE,
      gasUsed: 21_000n,
      logs: [],
    });
    const [block] = await chain.blocks(one!.blockNumber, one!.blockNumber);
    expect(block!.hash).toBe(one!.blockHash);
    expect(block!.transactions).toEqual(raw.map(({ hash }) => hash));
    expect(await chain.transactionsByHash([raw[1]!.hash, ABSENT])).toMatchObject([
      { blockHash: one!.blockHash, blockNumber: one!.blockNumber },
      null,
    ]);
    expect(await chain.transactionCounts([lane, PAYEE], 'latest')).toEqual([nonce + 2n, 0n]);
    expect(await chain.transactionCounts([lane], one!.blockNumber - 1)).toEqual([nonce]);
    expect(await chain.balances([PAYEE], 'latest')).toEqual([before! + 14n]);
  });

  it('tells a used nonce, another holder of the nonce and missing funds apart', async () => {
    const { chain, mine, lane, transfer } = start();
    const nonce = (await chain.transactionCounts([lane], 'latest'))[0]!;
    await chain.send([transfer({ nonce, to: PAYEE, value: 1n })]);
    const same = transfer({ nonce, to: PAYEE, value: 2n });
    expect(await chain.send([same])).toMatchObject([{ class: 'other_holds_nonce' }]);
    await mine(1);
    expect(await chain.send([same])).toMatchObject([{ class: 'nonce_used' }]);
    const rich = transfer({ nonce: nonce + 1n, to: PAYEE, value: 10n ** 30n });
    expect(await chain.send([rich])).toMatchObject([{ class: 'funds' }]);
    const broken = { hash: rich.hash, bytes: rich.bytes.subarray(0, -1) };
    expect(['unknown', 'refused']).toContain((await chain.send([broken]))[0]!.class);
  });

  it('estimates each call by itself', async () => {
    const { chain, lane } = start();
    const call = { from: lane, to: PAYEE, value: 1n, data: '0x' as const };
    const [fine, poor] = await chain.estimateGas([call, { ...call, from: POOR }]);
    expect(fine).toEqual({ ok: true, gas: 21_000n });
    // anvil does not look at the balance for a plain transfer: an estimate is no proof of funds.
    expect(poor!.ok || poor!.kind === 'funds').toBe(true);
    expect(await chain.code(PAYEE)).toBe('0x');
  });
}
