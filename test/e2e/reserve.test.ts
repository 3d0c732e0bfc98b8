import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';

const DEPOSITED = 250_000_000n;

describe('withdrawals that together exceed the balance', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 2 });
    await on.deposit('alice', 'USDC', '250');
  });
  afterAll(() => on?.stop());

  /** One statement, hence one snapshot. */
  const sample = async () => {
    const [row] = await on.rows<{ available: bigint; reserved: bigint; committed: bigint }>(
      `SELECT
         (SELECT balance FROM ledger_account WHERE kind = 'available' AND owner = 'alice') AS available,
         (SELECT balance FROM ledger_account WHERE kind = 'reserved' AND owner = 'alice') AS reserved,
         (SELECT coalesce(sum(p.amount), 0) FROM transfer t JOIN posting p USING (transfer_id)
          WHERE t.kind = 'COMMIT' AND t.account = 'alice') AS committed`,
    );
    return row!;
  };

  it('are taken while the balance lasts, and no reader ever sees more than was deposited', async () => {
    let sampling = true;
    let samples = 0;
    const sampler = (async () => {
      while (sampling) {
        const { available, reserved, committed } = await sample();
        expect(reserved + committed).toBeLessThanOrEqual(DEPOSITED);
        expect(available + reserved + committed).toBe(DEPOSITED);
        samples += 1;
      }
    })();
    // 4.5 and the fee of 0.5: fifty of the 200 are covered.
    const item = (n: number) => ({
      account: 'alice',
      asset: 'USDC',
      amount: '4.5',
      to: recipient(n),
    });
    const singles = Array.from({ length: 100 }, (_, n) => on.withdraw(item(n), `single-${n}`));
    const batches = Array.from({ length: 4 }, (_, b) =>
      on.call('POST', '/v1/withdrawals/batch', {
        withdrawals: Array.from({ length: 25 }, (_, n) => ({
          idempotencyKey: `batch-${b}-${n}`,
          ...item(100 + b * 25 + n),
        })),
      }),
    );
    const single = (await Promise.all(singles)).map(({ status }) => status);
    const batched = (await Promise.all(batches)).flatMap(({ body }) =>
      (body['results'] as { status: number }[]).map(({ status }) => status),
    );
    const all = [...single, ...batched];
    expect(all.filter((status) => status === 202)).toHaveLength(50);
    expect(all.filter((status) => status === 422)).toHaveLength(150);
    await quiet(on);
    sampling = false;
    await sampler;
    expect(samples).toBeGreaterThan(20);
    expect(await sample()).toEqual({ available: 0n, reserved: 0n, committed: DEPOSITED });
    await expectLaws(on);
  });
});
