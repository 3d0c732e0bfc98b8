import { type Hex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import { Assets } from '../../src/base/config/index.ts';
import { openPool } from '../../src/base/db/index.ts';
import { effectOf } from '../../src/base/effect/index.ts';
import type { Address } from '../../src/base/kernel/index.ts';
import { Ledger } from '../../src/books/ledger/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { adoptAgain, pauseLane } from '../../src/hands/treasury/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { until } from '../support/until.ts';
import { verifyOf } from '../support/verify.ts';

const GWEI = 10n ** 9n;
const THIEF: Address = `0x${'ee'.repeat(20)}`;
const key = privateKeyToAccount(PUBLIC_DEVELOPMENT_KEYS[1]!);
const WORD = { by: 'a test', note: 'the key was tried elsewhere', forced: false };

let on: Installation;
let persons: string[];
let n = 0;
/** Asked for while the lane was frozen. */
let late = '';

const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
/** Above the low tier: committed at finalized. */
const submit = async (to?: Address, more = {}): Promise<string> => {
  n += 1;
  const body = { account: 'alice', asset: 'USDC', amount: '2000', to: to ?? recipient(n), ...more };
  const answer = await on.withdraw(body);
  expect(answer.status).toBe(202);
  return answer.body['id'] as string;
};
const walked = () =>
  until('the walk to reach the latest block', async () => {
    const latest = Number(await on.anvil.rpc<string>('eth_blockNumber'));
    const [head] = await on.rows<{ latest: bigint }>('SELECT latest FROM chain_head');
    return Number(head!.latest) === latest;
  });
const mine = async (blocks: number) => {
  for (let mined = 0; mined < blocks; mined += 1) {
    await on.anvil.mine();
    await walked();
  }
};
const lane = async () => (await readLanes(on.owner))[0]!;
const frozen = () =>
  until('the lane to be frozen', async () => {
    await mine(1);
    return (await lane()).pausedReason === 'foreign_nonce';
  });
/** From the lane's wallet, signed by whoever else has its key. */
const foreignSend = async (
  nonce: bigint,
  call: { to: Address; value?: bigint; data?: Hex },
): Promise<Hex> => {
  const bytes = await key.signTransaction({
    type: 'eip1559',
    chainId: 31337,
    nonce: Number(nonce),
    gas: 100_000n,
    maxFeePerGas: 200n * GWEI,
    maxPriorityFeePerGas: 100n * GWEI,
    ...call,
  });
  expect(await on.anvil.rpc('eth_sendRawTransaction', bytes)).toBe(keccak256(bytes));
  return keccak256(bytes);
};
const adopt = async (word: typeof WORD | null) => {
  const { settings } = on;
  const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 2 });
  try {
    const [installation] = await on.rows<{ id: string }>(
      'SELECT installation_id AS id FROM installation',
    );
    const context = {
      db,
      ledger: new Ledger(db),
      assets: new Assets(settings.assets),
      installationId: installation!.id,
      chain: settings.chains[0]!,
      port: new NodeChain({ url: on.anvil.url }),
    };
    return await adoptAgain(context, await lane(), word);
  } finally {
    await db.end();
  }
};
const brokenLaws = async () => {
  const { mainUrl, signerUrl } = on.databases;
  const report = await verifyOf({ mainUrl, signerUrl, nodes: [on.anvil.url] });
  return report.laws.flatMap((law) => (law.status === 'ok' ? [] : [law.law]));
};
const told = (type: string) =>
  on.rows<{ data: Record<string, unknown> }>('SELECT data FROM event WHERE type = $1', [type]);

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
  on = await Installation.start({ lanes: 1 });
  await on.anvil.rpc('evm_setIntervalMining', 0);
  await on.deposit('alice', 'USDC', '1000000');
  await on.deposit('alice', 'ETH', '20');
  persons = [on.apiKey, (await on.addKey({ scopes: ['admin'] })).key];
  await mine(10);
});
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
    await on.anvil.rpc('anvil_reorg', 4, []);
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
});

/** Without the callee, which is named beside it. */
function pick({ value, data }: ReturnType<typeof effectOf>): { value: bigint; data: Hex } {
  return { value, data };
}
