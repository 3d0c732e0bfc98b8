import type { Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectOf } from '../../src/base/effect/index.ts';
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
  told,
  view,
  WORD,
} from '../support/shared-key.ts';
import { until } from '../support/until.ts';

let persons: string[];
let n = 0;

const openBreaks = async () =>
  (
    await on.call<{ breaks: { id: string; kind: string }[] }>(
      'GET',
      '/v1/reconciliation/breaks?state=open',
    )
  ).body.breaks;
const say = (person: number, id: string, body: unknown) =>
  on.call('POST', `/v1/reconciliation/breaks/${id}/resolve`, body, {
    authorization: `Bearer ${persons[person]}`,
  });
const resolutions = async (id: string) =>
  (
    await on.rows<{ resolution: string }>(
      'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
      [id],
    )
  ).map(({ resolution }) => resolution);

beforeAll(async () => {
  await startShared();
  persons = [on.apiKey, (await on.addKey({ scopes: ['admin'] })).key];
});
afterAll(() => on?.stop());

/**
 * Where the books had come to the last final block before its slot ended, that is booked when finality passes the next
 * multiple of 32.
 */
const booked = () =>
  until('every slot to be booked', async () => {
    await mine(1);
    const [slots] = await on.rows<{ open: bigint }>(
      `SELECT count(*) AS open FROM nonce_slot s WHERE s.nonce >= (
           SELECT max(to_nonce) FROM lane_stretch g WHERE g.lane_id = s.lane_id)`,
    );
    return slots!.open === 0n;
  });

describe('a foreign transaction that seems to pay the withdrawal of its nonce', () => {
  it.each([
    { asset: 'USDC', action: 'commit', sends: 2_000_000_000n },
    { asset: 'USDC', action: 'release', sends: 1n },
    { asset: 'ETH', action: 'commit', sends: 2n * 10n ** 18n },
    { asset: 'ETH', action: 'release', sends: 7n },
    // More than was wanted: what is over it stands in suspense.
    { asset: 'ETH', action: 'commit', sends: 2n * 10n ** 18n + 5n },
  ] as const)(
    'keeps the reserve until two persons $action ($asset, $sends)',
    async ({ asset, action, sends }) => {
      await quiet(on);
      n += 1;
      const to = recipient(2_000 + n);
      const id = await submit(to, asset === 'ETH' ? { asset, amount: '2' } : {});
      await on.waitFor(id, 'BROADCASTED');
      const behind = await submit();
      await on.waitFor(behind, 'BROADCASTED');
      const nonce = (await lane()).nextNonce - 2n;
      const token = asset === 'ETH' ? null : on.token;
      const { to: callee, ...call } = effectOf({ token, recipient: to, amount: sends });
      const txHash = await foreignSend(nonce, { to: callee, ...call });
      await frozen();
      const found = await until('the break', async () => {
        await mine(1);
        return (await openBreaks())[0];
      });
      await mine(10);
      expect(await on.waitFor(behind)).toMatchObject({ status: 'COMPLETED' });
      expect(await openBreaks()).toEqual([found]);
      expect(found).toMatchObject({
        ...{ kind: 'foreign_payment', withdrawalId: id },
        detail: { txHash, wanted: { recipient: to }, did: { succeeded: true } },
      });
      const waiting = { reason: 'foreign_payment', detail: null };
      expect(await view(id)).toMatchObject({ status: 'BROADCASTED', waiting, failure: null });
      const early = await adopt({ ...WORD, forced: true });
      expect([early.plan.kind, early.done]).toEqual(['unclear', false]);
      expect(await brokenLaws()).toEqual(expect.arrayContaining(['queue/no-break-open']));

      const order = { action, evidence: `the node shows ${txHash}` };
      expect((await say(0, found.id, { ...order, action: 'reverse' })).status).toBe(409);
      expect((await say(0, found.id, order)).status).toBe(202);
      expect((await say(0, found.id, order)).status).toBe(202);
      expect(await resolutions(id)).toEqual([]);
      const done = await say(1, found.id, order);
      expect([done.status, done.body['state']]).toEqual([200, 'resolved']);
      const commits = action === 'commit';
      expect(await view(id)).toMatchObject({
        status: commits ? 'COMPLETED' : 'FAILED',
        waiting: null,
        failure: commits ? null : { code: 'replaced' },
      });
      for (const other of ['commit', 'release', 'reverse']) {
        expect((await say(1, found.id, { ...order, action: other })).status).toBe(409);
      }
      expect(await resolutions(id)).toEqual([action.toUpperCase()]);
      const end = await on.rows(
        `SELECT t.status, f.paid FROM tx t JOIN nonce_slot s USING (tx_id)
         JOIN foreign_inclusion f ON f.lane_id = s.lane_id AND f.nonce = s.nonce WHERE t.owner_id = $1`,
        [id],
      );
      expect(end).toEqual([{ status: 'REPLACED', paid: commits }]);

      // Blocks come only when asked for, and what is behind may have been mined by the last ones.
      await mine(10);
      await booked();
      await quiet(on);
      const { plan } = await adopt(WORD);
      // Coin is booked by the balance; of a token the books miss what was released and had left.
      const left = asset === 'USDC' && !commits ? [{ amount: -sends }] : [];
      expect(plan).toMatchObject({ kind: 'open', differences: left });
      await mine(10);
      await quiet(on);
      await expectLaws(on);
      expect(await resolutions(id)).toEqual([action.toUpperCase()]);
      const paid = await on.anvil.rpc<Hex>('eth_getBalance', to, 'latest');
      expect(token === null ? BigInt(paid) : (await tokenPayments(on)).get(to)).toEqual(
        token === null ? sends : [sends],
      );
    },
  );

  it('is not asked about where its client had the reserve back before anybody signed', async () => {
    await quiet(on);
    await on.stopRole('signer');
    const to = recipient(2_100);
    const id = await submit(to);
    await until('a slot', async () => (await view(id))['nonceKey'] !== null);
    const { nextNonce } = await lane();
    const { to: callee, ...call } = effectOf({ token: on.token, recipient: to, amount: 5n });
    await foreignSend(nextNonce - 1n, { to: callee, ...call });
    await frozen();
    await until('the transaction', async () => {
      await mine(1);
      return (await told('lane.foreign_nonce')).at(-1)!.data['nonce'] === String(nextNonce - 1n);
    });
    await on.call('POST', `/v1/withdrawals/${id}/cancel`);
    expect(await on.waitFor(id, 'CANCELLED')).toMatchObject({ status: 'CANCELLED' });
    await on.startSigner();
    await until('its end', async () => {
      await mine(1);
      const tx = await on.rows(`SELECT FROM tx WHERE owner_id = $1 AND status = 'REPLACED'`, [id]);
      return tx.length === 1;
    });
    expect(await openBreaks()).toEqual([]);
    await mine(10);
    await booked();
    await quiet(on);
    const { plan } = await adopt(WORD);
    expect(plan).toMatchObject({ kind: 'open', differences: [{ amount: -5n }] });
    await expectLaws(on);
    expect(await resolutions(id)).toEqual(['RELEASE']);
  });
});
