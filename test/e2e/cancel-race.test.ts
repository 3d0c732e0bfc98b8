import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ByHand, GWEI } from '../support/by-hand.ts';
import type { Answer, Installation } from '../support/installation.ts';
import { tokenPayments } from '../support/laws.ts';
import { seedOf } from '../support/seed.ts';
import { Random } from '../support/steps/random.ts';
import { until } from '../support/until.ts';

const RACES = process.env['PAYONCE_PROOF'] === 'full' ? 200 : 30;

let hand: ByHand;
let on: Installation;
beforeAll(async () => {
  hand = await ByHand.start();
  on = hand.on;
});
afterAll(() => on?.stop());
beforeEach(() => hand.baseFee(GWEI));

describe('a cancel after the signer claimed', () => {
  it('closes the nonce by its filler: cancelled and released once that is final', async () => {
    const { id, to } = await hand.broadcast();
    const answers = [await hand.cancel(id), await hand.cancel(id)];
    for (const answer of answers) {
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({
        status: 'BROADCASTED',
        waiting: { reason: 'cancelling' },
        failure: null,
      });
    }
    await hand.fillerIn(id);
    await hand.expectRaises(id);
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    await on.anvil.mine(5);
    await hand.walked();
    expect(await hand.resolutions(id)).toEqual([]);
    const late = await hand.cancel(id);
    expect([late.status, late.body['status']]).toEqual([202, 'SAFE']);
    await hand.mineTo(id, 'CANCELLED');
    expect(await hand.view(id)).toMatchObject({
      failure: { code: 'cancelled_by_client' },
      waiting: null,
    });
    expect([(await hand.cancel(id)).status, await hand.resolutions(id)]).toEqual([
      200,
      ['RELEASE'],
    ]);
    await hand.rest();
    expect(await on.tokenBalance(to)).toBe(0n);
  });

  it('that comes too late is paid, and an event says so', async () => {
    const { id, to } = await hand.broadcast();
    await on.stopRole('signer');
    expect((await hand.cancel(id)).status).toBe(202);
    await on.anvil.mine();
    await until('its inclusion', async () => (await hand.view(id))['status'] === 'INCLUDED');
    await on.startSigner();
    await hand.mineTo(id, 'COMPLETED');
    expect(await hand.view(id)).toMatchObject({ failure: null, waiting: null });
    const told = await hand.events('withdrawal.cancel_too_late');
    expect(told.filter((event) => event.subject_id === id)).toHaveLength(1);
    const after = await hand.cancel(id);
    expect([after.status, after.body['code']]).toEqual([409, 'not_cancellable']);
    await hand.rest();
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
    expect(await hand.resolutions(id)).toEqual(['COMMIT']);
  });

  it('is refused while a block holds the payment, and follows the chain when a reorg changes its mind', async () => {
    const { id, to } = await hand.broadcast({ amount: '2000' });
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    const refused = await hand.cancel(id);
    expect([refused.status, refused.body['code']]).toEqual([409, 'not_cancellable']);
    expect(refused.body['detail']).toMatch(/block \d+ holds it/);
    await on.anvil.reorg(1);
    await until('the reorg', async () => (await hand.view(id))['reorgs'] === 1);
    expect((await hand.cancel(id)).status).toBe(202);
    await hand.fillerIn(id);
    await hand.mineTo(id, 'CANCELLED');
    const kinds = await on.rows(
      `SELECT a.kind FROM inclusion JOIN attempt a USING (attempt_id) JOIN tx t USING (tx_id)
       WHERE t.owner_id = $1 ORDER BY a.ordinal`,
      [id],
    );
    expect(kinds).toEqual([{ kind: 'effect' }, { kind: 'filler' }]);
    await hand.rest();
    expect(await on.tokenBalance(to)).toBe(0n);
  });

  it('bids more for its filler when blocks pass that over too', async () => {
    const { id } = await hand.broadcast();
    await hand.cancel(id);
    await hand.fillerIn(id);
    await hand.passOver(id, 30n * GWEI, 2);
    await hand.expectRaises(id);
    await hand.mineTo(id, 'CANCELLED');
    await hand.rest();
  });

  it(`racing its payment ${RACES} times ends in exactly one of paid and released`, async () => {
    const seed = seedOf('cancel races');
    const random = new Random(seed);
    const raced: { id: string; to: string; answer: Answer }[] = [];
    while (raced.length < RACES) {
      const made = await Promise.all(
        Array.from({ length: Math.min(6, RACES - raced.length) }, () => hand.broadcast()),
      );
      // So many fillers are in the pool when the block comes that decides: none, all, and then as it falls.
      const round = raced.length / 6;
      const before = round < 2 ? round * made.length : random.below(made.length + 1);
      const answers = made.map(async ({ id, to }) => ({ id, to, answer: await hand.cancel(id) }));
      await until('fillers', async () => {
        const fillers = await Promise.all(made.map(({ id }) => hand.hasFiller(id)));
        return fillers.filter(Boolean).length >= before;
      });
      await on.anvil.mine();
      raced.push(...(await Promise.all(answers)));
    }
    await until('the ends', async () => {
      await on.anvil.mine(2);
      await hand.walked();
      const [row] = await on.rows<{ open: bigint }>(
        `SELECT count(*) AS open FROM withdrawal WHERE status = 'EXECUTING'`,
      );
      return row!.open === 0n;
    });
    await hand.rest();
    const payments = await tokenPayments(on);
    const ends = { paid: 0, cancelled: 0 };
    for (const { id, to, answer } of raced) {
      const status = (await hand.view(id))['status'];
      const paid = payments.get(to);
      if (status === 'COMPLETED') {
        ends.paid += 1;
        expect([id, await hand.resolutions(id), paid]).toEqual([id, ['COMMIT'], [5_000_000n]]);
      } else {
        ends.cancelled += 1;
        expect([id, status, await hand.resolutions(id)]).toEqual([id, 'CANCELLED', ['RELEASE']]);
        expect([id, paid, answer.status]).toEqual([id, undefined, 202]);
      }
    }
    console.info(`seed ${seed}:`, ends);
    // Both sides of the race were met, or this test shows nothing.
    expect(Math.min(ends.paid, ends.cancelled)).toBeGreaterThan(0);
  });
});
