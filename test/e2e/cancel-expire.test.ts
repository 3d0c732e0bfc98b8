import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { until } from '../support/until.ts';

describe('a withdrawal that is to be stopped', () => {
  let on: Installation;
  let sent = 0;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 1, blockTime: 0.1 });
    await on.deposit('alice', 'USDC', '100000');
  });
  afterAll(() => on?.stop());

  const submit = async (more: Record<string, unknown> = {}) => {
    sent += 1;
    const to = recipient(sent);
    const answer = await on.withdraw({
      account: 'alice',
      asset: 'USDC',
      amount: '10',
      to,
      ...more,
    });
    expect(answer.status).toBe(202);
    return { id: answer.body['id'] as string, to };
  };
  const cancel = (id: string) => on.call('POST', `/v1/withdrawals/${id}/cancel`);
  const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
  const resolutions = async (id: string) =>
    (
      await on.rows<{ resolution: string }>(
        'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
        [id],
      )
    ).map((row) => row.resolution);
  const availableNow = async () => {
    const { body } = await on.call('GET', '/v1/accounts/alice/balances');
    return (body['balances'] as { available: string; reserved: string }[])[0]!;
  };
  /** The state of the transaction behind a withdrawal; null before there is one. */
  const txOf = async (id: string) =>
    (
      await on.rows<{ status: string; claimed: boolean }>(
        `SELECT t.status, EXISTS (SELECT FROM signature_request r WHERE r.tx_id = t.tx_id
           AND r.claimed_at IS NOT NULL) AS claimed FROM tx t WHERE t.owner_id = $1`,
        [id],
      )
    )[0] ?? null;
  /** Past expiresAt by the database's clock, without waiting for the minute that the API asks for. */
  const age = async (id: string) => {
    await on.rows(
      `UPDATE withdrawal SET expires_at = now() - interval '1 second' WHERE withdrawal_id = $1`,
      [id],
    );
    await on.rows(`UPDATE tx SET expires_at = now() - interval '1 second' WHERE owner_id = $1`, [
      id,
    ]);
    await on.rows(
      `UPDATE job SET run_at = now() WHERE topic = 'withdrawal.expire' AND subject_id = $1`,
      [id],
    );
  };

  it('RESERVED is cancelled at once, and the worker finds nothing to do', async () => {
    await on.stopRole('worker');
    const before = await availableNow();
    const { id } = await submit();
    expect((await view(id))['status']).toBe('RESERVED');
    const answer = await cancel(id);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      status: 'CANCELLED',
      failure: { code: 'cancelled_by_client' },
      nonceKey: null,
    });
    expect(await availableNow()).toEqual(before);
    await on.startWorker();
    await quiet(on);
    expect(await resolutions(id)).toEqual(['RELEASE']);
    expect(await txOf(id)).toBeNull();
  });

  it('without a slot is cancelled, and never gets one', async () => {
    await on.rows(`UPDATE lane SET paused_reason = 'test'`);
    const { id } = await submit();
    await until('the reason to wait', async () => (await view(id))['waiting'] !== null);
    expect(await view(id)).toMatchObject({
      status: 'APPROVED',
      waiting: { reason: 'lane_paused' },
    });
    expect((await cancel(id)).body['status']).toBe('CANCELLED');
    await on.rows('UPDATE lane SET paused_reason = NULL');
    const { id: later } = await submit();
    expect((await on.waitFor(later))['status']).toBe('COMPLETED');
    expect(await txOf(id)).toMatchObject({ status: 'CANCELLED', claimed: false });
    expect(await resolutions(id)).toEqual(['RELEASE']);
    await quiet(on);
  });

  it('with a slot that nobody claimed is cancelled; its filler lets later ones pass', async () => {
    await on.stopRole('signer');
    const before = await availableNow();
    const stopped = [await submit(), await submit()];
    for (const { id } of stopped) {
      await until('a slot', async () => (await txOf(id))?.status === 'SLOTTED');
      const answer = await cancel(id);
      expect(answer.body['status']).toBe('CANCELLED');
      expect(answer.body['nonceKey']).not.toBeNull();
      const again = await cancel(id);
      expect([again.status, again.body['status']]).toEqual([200, 'CANCELLED']);
    }
    expect(await availableNow()).toEqual(before);
    const behind = await submit();
    await on.startSigner();
    expect((await on.waitFor(behind.id))['status']).toBe('COMPLETED');
    await quiet(on);
    for (const { id, to } of stopped) {
      expect(await on.tokenBalance(to)).toBe(0n);
      expect(await txOf(id)).toMatchObject({ status: 'CANCELLED' });
      expect(await resolutions(id)).toEqual(['RELEASE']);
      const kinds = await on.rows(
        'SELECT a.kind FROM attempt a JOIN tx t USING (tx_id) WHERE t.owner_id = $1',
        [id],
      );
      expect(kinds).toEqual([{ kind: 'filler' }]);
    }
    expect(await on.tokenBalance(behind.to)).toBe(10_000_000n);
    await expectLaws(on);
  });

  it('that is in a block, or is completed, is not cancellable and is paid', async () => {
    await on.anvil.hold();
    const { id, to } = await submit();
    await on.waitFor(id, 'BROADCASTED');
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    const early = await cancel(id);
    expect([early.status, early.body['code']]).toEqual([409, 'not_cancellable']);
    expect(await resolutions(id)).toEqual([]);
    const mine = async () => {
      await on.anvil.mine(2);
      return (await view(id))['status'] === 'COMPLETED';
    };
    await until('COMPLETED', mine);
    const late = await cancel(id);
    expect([late.status, late.body['code']]).toEqual([409, 'not_cancellable']);
    expect(await resolutions(id)).toEqual(['COMMIT']);
    expect(await on.tokenBalance(to)).toBe(10_000_000n);
    on.anvil.resume();
    await on.anvil.mine(12);
    await quiet(on);
  });

  it('is paid or released, never both and never neither, when the cancel races the claim', async () => {
    const raced: { id: string; to: string; answers: Answer[] }[] = [];
    // 202: its effect may be signed, and the filler that was asked for has not lost yet.
    const isCancelled = ({ answers }: { answers: Answer[] }) =>
      answers.some((answer) => answer.status === 200);
    const oneSided = () => raced.every(isCancelled) || !raced.some(isCancelled);
    // The signer claims all orders at once, at some moment of its start: cancels one after the other meet
    // it in their midst. Rounds go on until both sides have won.
    for (let round = 0; round < 3 || (oneSided() && round < 20); round += 1) {
      await on.stopRole('signer');
      const made = await Promise.all(Array.from({ length: 20 }, () => submit()));
      for (const { id } of made) {
        await until('a slot', async () => (await txOf(id))?.status === 'SLOTTED');
      }
      const starting = on.startSigner();
      for (const { id, to } of made) {
        raced.push({ id, to, answers: await Promise.all([cancel(id), cancel(id)]) });
      }
      await starting;
      await on.anvil.mine();
    }
    await until('blocks', async () => {
      await on.anvil.mine();
      const [row] = await on.rows<{ open: bigint }>(
        `SELECT count(*) AS open FROM withdrawal WHERE status NOT IN ('COMPLETED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'FAILED')`,
      );
      return row!.open === 0n;
    });
    await on.anvil.mine(12);
    await quiet(on);
    const payments = await tokenPayments(on);
    for (const { id, to, answers } of raced) {
      const { status } = await view(id);
      const cancelled = status === 'CANCELLED';
      // At once, or by the chain where the claim was first.
      expect([id, status]).toEqual([
        id,
        isCancelled({ answers }) || cancelled ? 'CANCELLED' : 'COMPLETED',
      ]);
      for (const { status: code, body } of answers) {
        const told = { 200: body['status'], 202: body['waiting'], 409: body['code'] }[code];
        expect([
          'CANCELLED',
          { reason: 'cancelling', detail: null },
          'not_cancellable',
        ]).toContainEqual(told);
      }
      expect(await resolutions(id)).toEqual([cancelled ? 'RELEASE' : 'COMMIT']);
      expect(payments.get(to)).toEqual(cancelled ? undefined : [10_000_000n]);
    }
    // Both sides of the race were met, or this test shows nothing.
    expect(oneSided()).toBe(false);
    await expectLaws(on);
  });

  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  it('RESERVED expires by the clock of the database', async () => {
    await on.stopRole('worker');
    const before = await availableNow();
    const { id } = await submit({ expiresAt: inAnHour() });
    await age(id);
    await on.startWorker();
    const ended = await on.waitFor(id, 'EXPIRED');
    expect(ended).toMatchObject({ status: 'EXPIRED', failure: { code: 'expired' } });
    await quiet(on);
    expect(await resolutions(id)).toEqual(['RELEASE']);
    expect(await availableNow()).toEqual(before);
  });

  it('expires in its slot when nobody claimed it, and the filler closes the slot', async () => {
    await on.stopRole('signer');
    const { id, to } = await submit({ expiresAt: inAnHour() });
    await until('a slot', async () => (await txOf(id))?.status === 'SLOTTED');
    await age(id);
    await on.startSigner();
    expect((await on.waitFor(id, 'EXPIRED'))['status']).toBe('EXPIRED');
    const behind = await submit();
    expect((await on.waitFor(behind.id))['status']).toBe('COMPLETED');
    await on.anvil.mine(12);
    await quiet(on);
    expect(await on.tokenBalance(to)).toBe(0n);
    expect(await resolutions(id)).toEqual(['RELEASE']);
    await expectLaws(on);
  });

  it('is not expired by a clock once its signature was asked for', async () => {
    await on.anvil.hold();
    const { id, to } = await submit({ expiresAt: inAnHour() });
    await on.waitFor(id, 'BROADCASTED');
    await age(id);
    await until('the expiry to be looked at', async () => {
      const jobs = await on.rows(
        `SELECT 1 FROM job WHERE topic = 'withdrawal.expire' AND subject_id = $1`,
        [id],
      );
      return jobs.length === 0;
    });
    expect((await view(id))['status']).toBe('BROADCASTED');
    await until('COMPLETED', async () => {
      await on.anvil.mine();
      return (await view(id))['status'] === 'COMPLETED';
    });
    expect(await on.tokenBalance(to)).toBe(10_000_000n);
    await on.anvil.mine(12);
    await quiet(on);
    await expectLaws(on);
  });
});
