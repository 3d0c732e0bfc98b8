import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

describe('on a chain without base fees', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start({ blockTime: 0.1, hardfork: 'berlin' });
    await on.deposit('alice', 'ETH', '100');
  });
  afterAll(() => on?.stop());

  const submit = async (n: number) => {
    const answer = await on.withdraw({
      account: 'alice',
      asset: 'ETH',
      amount: '0.5',
      to: recipient(n),
    });
    expect(answer.status).toBe(202);
    return answer.body['id'] as string;
  };
  /** As the chain has them: type and gas price of what the lane sent. */
  const sent = async () => {
    const rows = await on.rows<{ hash: string; kind: string; max_fee: string }>(
      `SELECT '0x' || encode(tx_hash, 'hex') AS hash, kind, max_fee_per_gas::text AS max_fee FROM attempt
       ORDER BY nonce, ordinal`,
    );
    return Promise.all(
      rows.map(async ({ hash, kind, max_fee }) => {
        const tx = await on.anvil.rpc<{ type: string; gasPrice: string }>(
          'eth_getTransactionByHash',
          hash,
        );
        return { kind, type: tx.type, bid: BigInt(tx.gasPrice) === BigInt(max_fee) };
      }),
    );
  };

  it('payments and fillers are legacy transactions, and everything is booked as it cost', async () => {
    expect(await on.anvil.rpc('eth_getBlockByNumber', 'latest', false)).not.toHaveProperty(
      'baseFeePerGas',
    );
    for (const id of await Promise.all([submit(1), submit(2)])) {
      expect((await on.waitFor(id))['status']).toBe('COMPLETED');
    }
    await on.stopRole('signer');
    const id = await submit(3);
    await until(
      'a slot',
      async () =>
        (await on.rows(`SELECT FROM tx WHERE owner_id = $1 AND status = 'SLOTTED'`, [id]))
          .length === 1,
    );
    expect((await on.call('POST', `/v1/withdrawals/${id}/cancel`)).status).toBe(200);
    await on.startSigner();
    await quiet(on);
    const legacy = { type: '0x0', bid: true };
    expect(await sent()).toEqual([
      { kind: 'effect', ...legacy },
      { kind: 'effect', ...legacy },
      { kind: 'filler', ...legacy },
    ]);
    const paid = await Promise.all([1, 2, 3].map((n) => on.nativeBalance(recipient(n))));
    expect(paid).toEqual([5n * 10n ** 17n, 5n * 10n ** 17n, 0n]);
    await expectLaws(on);
  });
});
