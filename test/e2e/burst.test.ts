import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';

const COUNT = 1_000;
/** Runtime code of recipients: takes value; counts each receipt in its storage; refuses everything. */
const TAKES = '0x00';
const COUNTS = '0x60016000540160005500';
const REFUSES = '0x60006000fd';

type Order = {
  idempotencyKey: string;
  account: string;
  asset: string;
  amount: string;
  to: `0x${string}`;
};

describe('a burst of 1,000 withdrawals over three lanes', () => {
  let on: Installation;
  const codes = new Map([
    [7, COUNTS],
    [8, TAKES],
    [9, REFUSES],
    [17, REFUSES],
    [18, COUNTS],
    [19, REFUSES],
  ]);
  /** Every third one is native, so of the recipients above 9 and 18 are, and 9 refuses its value. */
  const orders: Order[] = Array.from({ length: COUNT }, (_, n) => ({
    idempotencyKey: `burst-${n}`,
    account: `customer-${n % 10}`,
    asset: n % 3 === 0 ? 'ETH' : 'USDC',
    amount: n % 3 === 0 ? `0.${String(n + 1_000).padStart(6, '0')}` : (1 + n / 100).toFixed(2),
    to: recipient(n),
  }));
  const failing = orders.filter((order, n) => order.asset === 'ETH' && codes.get(n) === REFUSES);

  beforeAll(async () => {
    on = await Installation.start({ lanes: 3 });
    for (const [n, code] of codes) await on.anvil.rpc('anvil_setCode', recipient(n), code);
    for (let n = 0; n < 10; n += 1) {
      await on.deposit(`customer-${n}`, 'USDC', '2000');
      await on.deposit(`customer-${n}`, 'ETH', '1');
    }
  });
  afterAll(() => on?.stop());

  it('pays every recipient exactly once', async () => {
    const batches = Array.from({ length: 10 }, (_, n) => orders.slice(n * 100, n * 100 + 100));
    const send = async (withdrawals: Order[]) => {
      const answer = await on.call('POST', '/v1/withdrawals/batch', { withdrawals });
      const results = answer.body['results'] as { status: number }[];
      expect(results.map((result) => result.status)).toEqual(withdrawals.map(() => 202));
    };
    await Promise.all(batches.map(send));
    // The same again while it is under way: a client that never saw its answers.
    await Promise.all(batches.map(send));
    await quiet(on);

    const ended = await on.rows<{ status: string; n: bigint }>(
      'SELECT status, count(*) AS n FROM withdrawal GROUP BY status ORDER BY status',
    );
    expect(ended).toEqual([
      { status: 'COMPLETED', n: BigInt(COUNT - failing.length) },
      { status: 'FAILED', n: BigInt(failing.length) },
    ]);
    const paid = await tokenPayments(on);
    for (const { to, asset, amount } of orders) {
      const atomic = (decimals: number) => {
        const [whole, fraction = ''] = amount.split('.') as [string, string?];
        return BigInt(whole + fraction.padEnd(decimals, '0'));
      };
      if (asset === 'USDC') {
        expect([to, paid.get(to)]).toEqual([to, [atomic(6)]]);
      } else {
        const wanted = failing.some((order) => order.to === to) ? 0n : atomic(18);
        expect([to, await on.nativeBalance(to)]).toEqual([to, wanted]);
        expect(paid.has(to)).toBe(false);
      }
    }
  });

  it('gives back what a recipient refused, without a nonce', async () => {
    expect(failing.length).toBeGreaterThan(0);
    for (const order of failing) {
      const { body } = await on.call(
        'GET',
        `/v1/withdrawals?idempotencyKey=${order.idempotencyKey}`,
      );
      const [view] = body['withdrawals'] as Record<string, unknown>[];
      expect(view).toMatchObject({
        status: 'FAILED',
        failure: { code: 'simulation_reverted' },
        nonceKey: null,
        txHash: null,
        attempts: [],
      });
      const resolved = await on.rows(
        'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
        [view!['id']],
      );
      expect(resolved).toEqual([{ resolution: 'RELEASE' }]);
    }
  });

  it('shares the load among the lanes, without a gap in any lane', async () => {
    const lanes = await on.rows<{ slots: bigint; lowest: bigint; highest: bigint }>(
      `SELECT count(*) AS slots, min(nonce) AS lowest, max(nonce) AS highest FROM nonce_slot GROUP BY lane_id`,
    );
    expect(lanes).toHaveLength(3);
    for (const lane of lanes) {
      expect(lane.highest - lane.lowest + 1n).toBe(lane.slots);
      expect(lane.slots).toBeGreaterThan(BigInt(COUNT / 10));
    }
    const attempts = await on.rows<{ n: bigint }>('SELECT count(*) AS n FROM attempt');
    expect(attempts[0]!.n).toBe(BigInt(COUNT - failing.length));
  });

  it('leaves books that agree with the chain, and customers with what is theirs', async () => {
    await expectLaws(on);
    for (let n = 0; n < 10; n += 1) {
      const { body } = await on.call('GET', `/v1/accounts/customer-${n}/balances`);
      const balances = body['balances'] as { asset: string; posted: string; reserved: string }[];
      for (const { asset, posted, reserved } of balances) {
        const own = orders.filter(
          (order) =>
            order.account === `customer-${n}` && order.asset === asset && !failing.includes(order),
        );
        const fee = asset === 'ETH' ? 0.0005 : 0.5;
        const spent = own.reduce((sum, order) => sum + Number(order.amount) + fee, 0);
        expect(reserved).toBe('0');
        expect(Number(posted)).toBeCloseTo((asset === 'ETH' ? 1 : 2_000) - spent, 9);
      }
    }
  });
});
