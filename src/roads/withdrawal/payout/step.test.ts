import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { inTransaction } from '../../../base/db/index.ts';
import { sha256Hex, silentLog } from '../../../base/kernel/index.ts';
import { claim, enqueue } from '../../../base/queue/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { orderPayouts, PAYOUT_TOPICS } from '../../../books/payout/index.ts';
import { Policies } from '../../../books/policy/index.ts';
import { openTxs } from '../../../books/tx/index.ts';
import { DepositService } from '../../deposit/index.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { payoutStep } from './step.ts';

const settings = developmentSettings({
  ...{ databaseUrl: '', signerDatabaseUrl: null, rpcUrl: '', lanes: [] },
  token: `0x${'22'.repeat(20)}`,
});
const assets = new Assets(settings.assets);
const [usdc] = settings.assets;

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

/** One step of a process with these assets. */
async function step(configured: Assets): Promise<void> {
  await at.rows('UPDATE job SET run_at = now(), lease_until = NULL');
  const claimed = await claim(at.app, PAYOUT_TOPICS.ordered, { limit: 10, leaseMs: 60_000 });
  const { policyVersion } = settings;
  await payoutStep(
    {
      ...{ db: at.app, ledger: new Ledger(at.app), assets: configured, installationId: 'i' },
      ...{ policyVersion, settings, policies: new Policies(), log: silentLog },
    },
    claimed,
  );
}

async function order() {
  const account = `a-${randomUUID()}`;
  const { tenantId } = at;
  await new DepositService({ db: at.app, ledger: new Ledger(at.app), assets }).deposit(tenantId, {
    ...{ idempotencyKey: account, correlationId: 'c' },
    body: { account, asset: 'USDC', amount: '5', reference: account },
  });
  const orderId = randomUUID();
  const wanted = { orderId, tenantId, ownerKind: 'refund', account, asset: usdc!.caip19 } as const;
  const paid = {
    amount: 1_000_000n,
    recipient: `0x${'33'.repeat(20)}`,
    metadata: {},
    initiatedBy: null,
  } as const;
  await inTransaction(at.app, (sql) =>
    orderPayouts(sql, [{ ...wanted, ...paid, correlationId: 'c' }]),
  );
  return async () => {
    const [row] = await at.rows<{ withdrawal_id: string | null; outcome: string | null }>(
      'SELECT withdrawal_id, outcome FROM payout_order WHERE order_id = $1',
      [orderId],
    );
    return row!;
  };
}

it('finds the withdrawal that a process made before it died, also where its asset is gone since', async () => {
  const made = await order();
  await step(assets);
  const first = await made();
  expect(first).toEqual({ withdrawal_id: expect.any(String), outcome: null });
  // As of a process that died before it noted what it had made.
  await at.rows('UPDATE payout_order SET withdrawal_id = NULL');
  const never = await order();
  await step(new Assets([]));
  expect(await made()).toEqual(first);
  expect(await never()).toEqual({ withdrawal_id: null, outcome: 'unpaid' });
});

it('is not told to be paid by what left the chain, before that is looked at', async () => {
  const shown = await order();
  await step(assets);
  const ownerId = (await shown()).withdrawal_id!;
  const [txId] = await openTxs(at.app, [
    {
      ...{ tenantId: at.tenantId, ownerKind: 'withdrawal', ownerId, operation: 'withdrawal' },
      ...{ intentId: `0x${sha256Hex(ownerId)}`, idempotencyKey: ownerId, chainId: 1, token: null },
      ...{ asset: usdc!.caip19, recipient: `0x${'33'.repeat(20)}`, amount: 1n, decisionId: null },
      ...{ settleAt: 'safe', expiresAt: null, correlationId: 'c' },
    },
  ]);
  await at.rows(`UPDATE tx SET status = 'CANCELLED' WHERE tx_id = $1`, [txId]);
  for (const status of ['APPROVED', 'EXECUTING', 'COMPLETED']) {
    await at.rows('UPDATE withdrawal SET status = $2 WHERE withdrawal_id = $1', [ownerId, status]);
  }
  const topic = WITHDRAWAL_TOPICS.orphaned;
  await enqueue(at.app, [{ topic, subjectId: ownerId, tenantId: at.tenantId }]);
  await step(assets);
  expect(await shown()).toMatchObject({ outcome: null });
  await at.rows('DELETE FROM job WHERE topic = $1', [topic]);
  await step(assets);
  expect(await shown()).toMatchObject({ outcome: 'paid' });
});
