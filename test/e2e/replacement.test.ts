import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, ByHand, GWEI } from '../support/by-hand.ts';
import type { Answer, Installation } from '../support/installation.ts';
import { tokenPayments } from '../support/laws.ts';
import { until } from '../support/until.ts';

let hand: ByHand;
let on: Installation;
beforeAll(async () => {
  hand = await ByHand.start();
  on = hand.on;
});
afterAll(() => on?.stop());
beforeEach(() => hand.baseFee(GWEI));

describe('a transaction that blocks pass over', () => {
  it('bids more until one takes it, and its gas is booked', async () => {
    const { id, to } = await hand.broadcast();
    const [first] = await hand.attempts(id);
    await hand.passOver(id, 9n * GWEI);
    await hand.expectRaises(id);
    await hand.mineTo(id, 'COMPLETED');
    const done = await hand.view(id);
    const attempts = done['attempts'] as Attempt[];
    const mined = attempts.find(({ status }) => status === 'included')!;
    expect(done['txHash']).toBe(mined.txHash);
    expect(mined.txHash).not.toBe(first!.txHash);
    expect(BigInt(mined.maxFeePerGas)).toBeGreaterThan(9n * GWEI);
    await hand.rest();
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
  });

  it('stays where it is while its lane moves', async () => {
    const { id } = await hand.broadcast();
    await hand.mineTo(id, 'COMPLETED');
    expect(await hand.attempts(id)).toHaveLength(1);
    await hand.rest();
  });

  it('behind another one bids more with it when neither would be taken', async () => {
    const made = [await hand.broadcast(), await hand.broadcast(), await hand.broadcast()];
    await until('further attempts of all', async () => {
      await hand.baseFee(9n * GWEI);
      const counts = await Promise.all(
        made.map(async ({ id }) => (await hand.attempts(id)).length),
      );
      return counts.every((count) => count > 1);
    });
    for (const { id } of made) await hand.mineTo(id, 'COMPLETED');
    for (const { id } of made) await hand.expectRaises(id);
    await hand.rest();
    const paid = await tokenPayments(on);
    for (const { to } of made) expect(paid.get(to)).toEqual([5_000_000n]);
  });

  it('of the native coin bids more out of the same funds', async () => {
    const { id, to } = await hand.broadcast({ asset: 'ETH', amount: '1' });
    await hand.passOver(id, 9n * GWEI);
    await hand.mineTo(id, 'COMPLETED');
    await hand.rest();
    expect(await on.nativeBalance(to)).toBe(10n ** 18n);
  });

  it('waits at the cap with its reserve, says so once, and goes through when fees fall', async () => {
    const before = (await hand.events('tx.at_fee_cap')).length;
    const { id, to } = await hand.broadcast();
    const capped = await until('the cap', async () => {
      await hand.baseFee(60n * GWEI);
      const now = await hand.view(id);
      return now['waiting'] !== null && now;
    });
    expect(capped).toMatchObject({ status: 'BROADCASTED', waiting: { reason: 'fee_cap' } });
    for (let block = 0; block < 5; block += 1) {
      await hand.baseFee(60n * GWEI);
      await hand.walked();
    }
    expect(await hand.resolutions(id)).toEqual([]);
    expect((await hand.events('tx.at_fee_cap')).length).toBe(before + 1);
    const refused = await hand.speedUp(id, `cap-${id}`);
    expect([refused.status, refused.body['reason']]).toEqual([409, 'cap_below_base_fee']);
    const done = await until('COMPLETED', async () => {
      await hand.baseFee(GWEI);
      await hand.walked();
      const now = await hand.view(id);
      return now['status'] === 'COMPLETED' && now;
    });
    expect(done['waiting']).toBeNull();
    await hand.rest();
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
  });

  it('waits for coin where its lane has none left for a dearer attempt', async () => {
    const { id } = await hand.broadcast();
    const native = `kind = 'hot' AND asset LIKE '%slip44:60'`;
    const [held] = await on.rows<{ balance: bigint }>(
      `SELECT balance FROM ledger_balance WHERE ${native}`,
    );
    await on.rows(`UPDATE ledger_balance SET balance = 1 WHERE ${native}`);
    await until('the reason', async () => {
      await hand.baseFee(9n * GWEI);
      return ((await hand.view(id))['waiting'] as { reason: string } | null)?.reason === 'lane_gas';
    });
    expect(await hand.attempts(id)).toHaveLength(1);
    await on.rows(`UPDATE ledger_balance SET balance = $1 WHERE ${native}`, [held!.balance]);
    await hand.passOver(id, 9n * GWEI);
    await hand.mineTo(id, 'COMPLETED');
    await hand.rest();
  });

  it('goes on bidding after every process was started anew', async () => {
    const { id, to } = await hand.broadcast();
    await on.stopRole('signer');
    await until('an open order', async () => {
      await hand.baseFee(9n * GWEI);
      const open = await on.rows(
        'SELECT 1 FROM signature_request WHERE claimed_at IS NULL AND ordinal > 1',
      );
      return open.length > 0;
    });
    await on.stopRole('worker');
    await on.startWorker();
    await on.startSigner();
    await hand.mineTo(id, 'COMPLETED');
    await hand.rest();
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
  });
});

describe('a speed-up', () => {
  it('is one bump for each key, also when the key comes again', async () => {
    const { id, to } = await hand.broadcast();
    const keys = ['a', 'b', 'c'].map((name) => `${name}-${id}`);
    for (const key of keys) {
      const answers: Answer[] = await Promise.all([hand.speedUp(id, key), hand.speedUp(id, key)]);
      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      const replayed = await hand.speedUp(id, key);
      expect(replayed.headers.get('idempotent-replayed')).toBe('true');
    }
    await until('four attempts', async () => (await hand.attempts(id)).length === 4);
    await hand.expectRaises(id);
    const conflict = await hand.speedUp(id, keys[0]!, { maxFeePerGasGwei: '40' });
    expect([conflict.status, conflict.body['code']]).toEqual([422, 'idempotency_key_conflict']);
    await hand.mineTo(id, 'COMPLETED');
    const done = await hand.view(id);
    const attempts = done['attempts'] as Attempt[];
    expect(attempts).toHaveLength(4);
    expect(attempts.filter(({ status }) => status === 'included')).toHaveLength(1);
    await hand.rest();
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
  });

  it('bids what the client says', async () => {
    const { id } = await hand.broadcast();
    const made = await hand.speedUp(id, `to-${id}`, { maxFeePerGasGwei: '41.5' });
    expect(made.status).toBe(202);
    await until('a second attempt', async () => (await hand.attempts(id)).length === 2);
    expect((await hand.attempts(id))[1]!.maxFeePerGas).toBe('41500000000');
    await hand.mineTo(id, 'COMPLETED');
    await hand.rest();
  });

  it('is refused precisely in every state, and changes nothing', async () => {
    const reasonOf = async (id: string, body?: unknown) => {
      const answer = await hand.speedUp(id, `refused-${id}`, body);
      return [answer.status, answer.body['code'], answer.body['reason']];
    };
    await on.stopRole('worker');
    const { id } = await hand.submit();
    expect(await reasonOf(id)).toEqual([409, 'not_replaceable', 'not_sent']);
    await on.stopRole('signer');
    await on.startWorker();
    await until('a slot', async () => (await hand.view(id))['nonceKey'] !== null);
    expect(await reasonOf(id)).toEqual([409, 'not_replaceable', 'not_sent']);
    await on.startSigner();
    await on.waitFor(id, 'BROADCASTED');
    const bodies: [unknown, unknown[]][] = [
      [{ maxFeePerGasGwei: '50.1' }, [409, 'not_replaceable', 'above_cap']],
      [{ maxFeePerGasGwei: '1.1' }, [409, 'not_replaceable', 'too_low']],
      [{ maxFeePerGasGwei: 5 }, [400, 'invalid_request', undefined]],
      [{ maxFeePerGasGwei: '0' }, [400, 'invalid_request', undefined]],
      [{ maxFeePerGasGwei: '1e9' }, [400, 'invalid_request', undefined]],
      [{ maxFeePerGas: '5' }, [400, 'unknown_field', undefined]],
      [[], [400, 'invalid_request', undefined]],
    ];
    for (const [body, expected] of bodies) expect(await reasonOf(id, body)).toEqual(expected);
    const keyless = await on.call('POST', `/v1/withdrawals/${id}/speed-up`);
    expect(keyless.body['code']).toBe('idempotency_key_required');
    const stranger = await on.call('POST', `/v1/withdrawals/${on.tenantId}/speed-up`, undefined, {
      'idempotency-key': 'x',
    });
    expect(stranger.body['code']).toBe('not_found');
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    expect(await reasonOf(id)).toEqual([409, 'not_replaceable', 'mined']);
    await hand.mineTo(id, 'COMPLETED');
    expect(await reasonOf(id)).toEqual([409, 'not_replaceable', 'ended']);
    expect(await hand.attempts(id)).toHaveLength(1);
    const { id: closing } = await hand.broadcast();
    await hand.cancel(closing);
    expect(await reasonOf(closing)).toEqual([409, 'not_replaceable', 'cancelling']);
    await hand.fillerIn(closing);
    expect(await on.rows('SELECT 1 FROM speed_up WHERE done_at IS NULL')).toEqual([]);
    await hand.mineTo(closing, 'CANCELLED');
    await hand.rest();
  });
});

describe('a signer that allows less than the chain asks', () => {
  let hand: ByHand;
  beforeAll(async () => {
    hand = await ByHand.start({
      roleSettings: (role, settings) => {
        if (role !== 'signer') return settings;
        const [chain] = settings.chains;
        const fees = { ...chain!.fees, maxFeePerGas: 5n * GWEI };
        return { ...settings, chains: [{ ...chain!, fees }] };
      },
    });
  });
  afterAll(() => hand?.on.stop());

  it('refuses the dearer attempt, and the old bytes are sent on until fees fall', async () => {
    await hand.baseFee(GWEI);
    const { id, to } = await hand.broadcast();
    await until('the refusal', async () => {
      await hand.baseFee(9n * GWEI);
      return (await hand.events('tx.replacement_refused')).length > 0;
    });
    const sends = async () =>
      (await hand.on.rows<{ sends: number }>('SELECT max(sends) AS sends FROM attempt'))[0]!.sends;
    const before = await sends();
    await until('the bytes again', async () => {
      await hand.baseFee(9n * GWEI);
      return (await sends()) > before;
    });
    expect(await hand.view(id)).toMatchObject({ status: 'BROADCASTED', failure: null });
    expect(await hand.attempts(id)).toHaveLength(1);
    expect(await hand.on.rows(`SELECT 1 FROM job WHERE topic = 'tx.fill'`)).toEqual([]);
    await until('COMPLETED', async () => {
      await hand.baseFee(GWEI);
      await hand.walked();
      return (await hand.view(id))['status'] === 'COMPLETED';
    });
    await hand.rest();
    expect((await tokenPayments(hand.on)).get(to)).toEqual([5_000_000n]);
  });
});
