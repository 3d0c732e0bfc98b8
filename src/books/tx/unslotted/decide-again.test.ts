import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { advance, inTransaction } from '../../../base/db/index.ts';
import { type Hex, sha256Hex, TX } from '../../../base/kernel/index.ts';
import { decideTxsAgain, openTxs, readTxs, TX_TOPICS } from '../index.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

async function decision(
  subjectId: string,
  more: { verdict?: string; tenantId?: string; level?: string | null } = {},
): Promise<string> {
  const { verdict = 'allow', tenantId = at.tenantId, level = 'finalized' } = more;
  const [row] = await at.rows<{ decision_id: string }>(
    `INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace)
     VALUES (gen_random_uuid(), $1, $2, 'v', $3, 'low', $4, '[]') RETURNING decision_id`,
    [tenantId, subjectId, verdict, level],
  );
  return row!.decision_id;
}

async function open() {
  const ownerId = randomUUID();
  const was = await decision(ownerId, { level: 'safe' });
  const intentId: Hex = `0x${sha256Hex(ownerId)}`;
  const [txId] = await inTransaction(at.app, (sql) =>
    openTxs(sql, [
      {
        ...{ tenantId: at.tenantId, ownerKind: 'withdrawal', ownerId, intentId },
        ...{
          operation: 'withdrawal',
          idempotencyKey: ownerId,
          chainId: 1,
          asset: 'a',
          token: null,
        },
        ...{ recipient: `0x${'bb'.repeat(20)}`, amount: 5n, decisionId: was, settleAt: 'safe' },
        ...{ expiresAt: null, correlationId: 'c' },
      },
    ]),
  );
  await at.rows('DELETE FROM job');
  return { ownerId, was, txId: txId! };
}
type Open = Awaited<ReturnType<typeof open>>;

/** Whether it is under the decision now, and what that left. */
async function again(of: Open, decisionId: string, from = of.was) {
  const tx = (await readTxs(at.app, [of.txId])).get(of.txId)!;
  const moved = await inTransaction(at.app, (sql) =>
    decideTxsAgain(sql, [{ tx, from, decisionId }]),
  );
  const [row] = await at.rows<{ decision_id: string; settle_at: string }>(
    'SELECT decision_id, settle_at FROM tx WHERE tx_id = $1',
    [of.txId],
  );
  const consumed = await at.rows<{ decision_id: string }>(
    'SELECT decision_id FROM decision_consumed WHERE tx_id = $1',
    [of.txId],
  );
  const jobs = await at.rows<{ topic: string }>('SELECT topic FROM job WHERE subject_id = $1', [
    of.txId,
  ]);
  return {
    moved: moved.has(of.txId),
    rules: row!.decision_id,
    settleAt: row!.settle_at,
    consumed: consumed.map((one) => one.decision_id).sort(),
    jobs: jobs.map(({ topic }) => topic),
  };
}

describe('a transaction without a slot', () => {
  it('goes on under another decision that allows its owner, which it consumes, and is prepared', async () => {
    const tx = await open();
    const next = await decision(tx.ownerId);
    expect(await again(tx, next)).toEqual({
      ...{ moved: true, rules: next, settleAt: 'finalized', jobs: [TX_TOPICS.prepare] },
      consumed: [tx.was, next].sort(),
    });
  });

  it.each<[string, (tx: Open) => Promise<[string, string?]>]>([
    ['that denies', async ({ ownerId }) => [await decision(ownerId, { verdict: 'deny' })]],
    ['about another owner', async () => [await decision(randomUUID())]],
    [
      'of another tenant',
      async ({ ownerId }) => [
        await decision(ownerId, { tenantId: await at.tenant(`t${Date.now()}`) }),
      ],
    ],
    ['that does not exist', async () => [randomUUID()]],
    [
      'seen beside one that rules no more',
      async ({ ownerId }) => [await decision(ownerId), randomUUID()],
    ],
  ])('is not put under a decision %s', async (_, wanted) => {
    const tx = await open();
    const [decisionId, from] = await wanted(tx);
    expect(await again(tx, decisionId, from)).toEqual({
      ...{ moved: false, rules: tx.was, settleAt: 'safe', jobs: [], consumed: [tx.was] },
    });
  });

  it('is left as it is once it has a slot or has ended', async () => {
    for (const to of ['SLOTTED', 'CANCELLED'] as const) {
      const tx = await open();
      await inTransaction(at.app, (sql) =>
        advance(sql, TX, [{ id: tx.txId, from: 'CREATED', to }]),
      );
      expect(await again(tx, await decision(tx.ownerId))).toMatchObject({
        ...{ moved: false, rules: tx.was, jobs: [], consumed: [tx.was] },
      });
    }
  });

  it('can not use a decision that another one has used, or that it has used itself', async () => {
    const [one, two] = [await open(), await open()];
    const next = await decision(one.ownerId);
    await again(one, next);
    const used = { constraint: 'decision_consumed_pkey' };
    await at.rows('UPDATE decision SET subject_id = $2 WHERE decision_id = $1', [
      next,
      two.ownerId,
    ]);
    await expect(again(two, next)).rejects.toMatchObject(used);
    await at.rows('UPDATE decision SET subject_id = $2 WHERE decision_id = $1', [
      one.was,
      one.ownerId,
    ]);
    await expect(again(one, one.was, next)).rejects.toMatchObject(used);
    expect((await at.rows('SELECT 1 FROM tx WHERE decision_id = $1', [next])).length).toBe(1);
  });

  it('is changed by this function alone: the app has no right to the column', async () => {
    const tx = await open();
    await expect(
      at.app.query('UPDATE tx SET decision_id = $2 WHERE tx_id = $1', [tx.txId, randomUUID()]),
    ).rejects.toMatchObject({ code: '42501' });
    const signer = at.pool('payonce_signer');
    await expect(
      signer.query('SELECT payonce_decide_again($1, $1, $1)', [[tx.txId]]),
    ).rejects.toMatchObject({ code: '42501' });
  });
});
