import type { Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '../../src/base/db/index.ts';
import { effectOf } from '../../src/base/effect/index.ts';
import { pauseLane } from '../../src/hands/treasury/index.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import {
  adopt,
  brokenLaws,
  foreignSend,
  frozen,
  lane,
  mine,
  on,
  startShared,
  submit,
  THIEF,
  told,
  view,
  WORD,
} from '../support/shared-key.ts';
import { until } from '../support/until.ts';

/** Asked for while the lane was frozen. */
let late = '';

beforeAll(startShared);
afterAll(() => on?.stop());

describe('a nonce that somebody else uses', () => {
  it('freezes the lane, ends its withdrawal unpaid when that is final, and leaves the others alone', async () => {
    const first = await submit();
    await on.waitFor(first, 'BROADCASTED');
    const second = await submit();
    await on.waitFor(second, 'BROADCASTED');
    const { nextNonce } = await lane();
    const hash = await foreignSend(nextNonce - 2n, { to: THIEF, value: 10n ** 18n });
    await frozen();
    const found = await until('the transaction', async () => {
      await mine(1);
      return (await told('lane.foreign_nonce'))[0];
    });
    expect(found.data).toMatchObject({
      txHash: hash,
      nonce: (nextNonce - 2n).toString(),
      paysIntent: false,
      succeeded: true,
      to: THIEF,
      valueWei: (10n ** 18n).toString(),
    });
    expect(await view(first)).toMatchObject({ status: 'BROADCASTED', failure: null });
    // Nothing is given on it any more.
    late = await submit();
    await until('a reason', async () => (await view(late))['waiting']);
    expect(await view(late)).toMatchObject({ waiting: { reason: 'lane_paused' } });

    await mine(9);
    expect(await on.waitFor(first, 'FAILED')).toMatchObject({ failure: { code: 'replaced' } });
    expect(await on.waitFor(second)).toMatchObject({ status: 'COMPLETED' });
    expect(await on.rows(`SELECT FROM tx WHERE status = 'REPLACED'`)).toHaveLength(1);
    expect(await told('lane.foreign_nonce')).toHaveLength(1);
    await until('gas', async () => (await on.rows('SELECT FROM job')).length === 1);
    expect(await brokenLaws()).toEqual(['chain/payments-owned', 'chain/transactions-owned']);
    // The coin, and the gas of a plain transfer: looked at with the gas of the lane's own.
    const [unexplained] = await told('lane.unexplained');
    const taken = BigInt((unexplained!.data as { amountAtomic: string }).amountAtomic);
    expect(taken).toBeGreaterThan(10n ** 18n);
    expect(taken).toBeLessThan(2n * 10n ** 18n);
    const suspense = await on.rows(
      `SELECT balance FROM ledger_account WHERE kind = 'suspense' AND balance > 0`,
    );
    expect(suspense).toEqual([{ balance: taken }]);
  });

  it('is adopted by a person, and the lane goes on', async () => {
    const shown = await adopt(null);
    expect(shown).toMatchObject({ done: false, plan: { kind: 'open' } });
    expect((await lane()).pausedReason).toBe('foreign_nonce');
    const { plan, done } = await adopt(WORD);
    expect(done).toBe(true);
    expect(plan).toMatchObject({ kind: 'open', differences: [] });
    expect(await told('lane.adopted')).toMatchObject([
      { data: { by: WORD.by, reason: WORD.note, booked: [] } },
    ]);
    await on.waitFor(late, 'BROADCASTED');
    await mine(10);
    expect(await on.waitFor(late)).toMatchObject({ status: 'COMPLETED' });
    await quiet(on);
    await expectLaws(on);
  });

  it('while no worker runs is seen at its start, and no slot is given below it', async () => {
    await on.stopRole('worker');
    const before = await lane();
    await foreignSend(before.nextNonce, { to: THIEF, value: 5n });
    await foreignSend(before.nextNonce + 1n, {
      to: on.token,
      ...pick(effectOf({ token: on.token, recipient: THIEF, amount: 7n })),
    });
    await on.anvil.mine(2);
    await on.startWorker();
    await until('the freeze', async () => (await lane()).pausedReason === 'foreign_nonce');
    const id = await submit();
    expect((await adopt(WORD)).plan).toMatchObject({ kind: 'unclear' });
    await until('both transactions', async () => {
      await mine(1);
      return (await told('lane.foreign_nonce')).length === 3;
    });
    await mine(9);
    expect(await view(id)).toMatchObject({ status: 'APPROVED' });
    const { plan } = await adopt(WORD);
    expect(plan).toMatchObject({ kind: 'open', nextNonce: before.nextNonce + 2n });
    expect(plan.kind === 'open' && plan.differences.map(({ asset }) => asset).sort()).toEqual([
      expect.stringContaining('/erc20:'),
      expect.stringContaining('/slip44:60'),
    ]);
    await on.waitFor(id, 'BROADCASTED');
    await mine(10);
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    await quiet(on);
    await expectLaws(on);
  });

  it('is given back by a reorg: the same bytes are sent again and paid once', async () => {
    const to = recipient(1_000);
    const id = await submit(to);
    await on.waitFor(id, 'BROADCASTED');
    const { nextNonce } = await lane();
    await foreignSend(nextNonce - 1n, { to: THIEF, value: 1n });
    await frozen();
    await until('the transaction', async () => {
      await mine(1);
      return (await told('lane.foreign_nonce')).length === 4;
    });
    expect((await lane()).minedNonce).toBe(nextNonce);
    await on.anvil.reorg(4);
    await until('the reorg', async () => (await lane()).minedNonce === nextNonce - 1n);
    await until('our bytes in a block', async () => {
      await mine(1);
      return (await view(id))['status'] === 'INCLUDED';
    });
    await mine(10);
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    expect((await tokenPayments(on)).get(to)).toEqual([2_000_000_000n]);
    await quiet(on);
    const { plan, done } = await adopt(WORD);
    expect([plan, done]).toEqual([{ kind: 'open', nextNonce, differences: [] }, true]);
    await expectLaws(on);
  });
});

describe('a lane', () => {
  it('whose wallet has transactions in the pool is opened by force only', async () => {
    const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
    const { laneId, nextNonce } = await lane();
    await pauseLane(db, { laneId, by: 'a test', note: 'looking' });
    await db.end();
    const hash = await foreignSend(nextNonce, { to: THIEF, value: 1n });
    const { plan, done } = await adopt(WORD);
    expect(done).toBe(false);
    expect(plan).toMatchObject({ kind: 'unclear', obstacles: [{ forceable: true }] });
    await on.anvil.rpc('anvil_dropTransaction', hash);
    expect((await adopt(WORD)).done).toBe(true);
    await expectLaws(on);
  });

  it('with a gap below its slots is filled by a self-transfer, and then opened', async () => {
    await on.rows('UPDATE lane SET next_nonce = next_nonce + 1');
    const id = await submit();
    await on.waitFor(id, 'SIGNED');
    await mine(3);
    expect(await view(id)).toMatchObject({ confirmation: { level: 'none' } });
    const { laneId, nextNonce } = await lane();
    await on.rows(`UPDATE lane SET paused_reason = 'operator'`);
    expect((await adopt(WORD)).plan).toEqual({ kind: 'fill', gaps: [nextNonce - 2n] });
    await until('the filler in a block', async () => {
      await mine(1);
      return (await lane()).minedNonce >= nextNonce - 1n;
    });
    await until('what stood behind it', async () => {
      await mine(1);
      return (await view(id))['status'] === 'COMPLETED';
    });
    await mine(10);
    await quiet(on);
    expect(await on.rows(`SELECT status FROM tx WHERE owner_kind = 'filler'`)).toEqual([
      { status: 'CANCELLED' },
    ]);
    expect((await adopt(WORD)).plan).toEqual({ kind: 'open', nextNonce, differences: [] });
    expect((await lane()).pausedReason).toBeNull();
    await expectLaws(on);
    expect(laneId).toBe(1);
  });
});

/** Without the callee, which is named beside it. */
function pick({ value, data }: ReturnType<typeof effectOf>): { value: bigint; data: Hex } {
  return { value, data };
}
