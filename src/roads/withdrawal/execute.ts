import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { intentId } from '../../base/effect/index.ts';
import { Invariant, WITHDRAWAL } from '../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import { type NewTx, openTxs } from '../../books/tx/index.ts';
import type { WithdrawalContext } from './context.ts';
import { readSteps, type StepRow } from './rows.ts';

/**
 * APPROVED → EXECUTING for what stands approved by itself: validation takes the step at once in its own act
 * where nobody has to be asked, and this is for the rest.
 */
export async function executeStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const rows = await readSteps(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const approved = rows.filter((row) => row.status === 'APPROVED');
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    await execute(
      context,
      sql,
      approved.filter((row) => ours.has(row.id)),
    );
  });
  return [];
}

/**
 * Opens the transactions that pay, in the caller's transaction. Their intent ids are derived, never
 * generated, so a second transaction for a withdrawal is refused by the database whatever runs twice.
 */
export async function execute(
  context: WithdrawalContext,
  sql: Sql,
  approved: readonly StepRow[],
): Promise<void> {
  const moved = await advance(
    sql,
    WITHDRAWAL,
    approved.map((row) => ({ id: row.id, from: 'APPROVED', to: 'EXECUTING' })),
  );
  await openTxs(
    sql,
    approved.filter((row) => moved.has(row.id)).map((row) => txOf(context, row)),
  );
}

function txOf(context: WithdrawalContext, row: StepRow): NewTx {
  const asset = context.assets.find(row.asset);
  const tier = asset?.tiers.find((candidate) => candidate.name === row.riskTier);
  if (asset === undefined || tier === undefined || row.decisionId === null) {
    throw new Invariant(
      'internal',
      `withdrawal ${row.id} is approved for a tier or asset that is not configured`,
    );
  }
  return {
    tenantId: row.tenantId,
    ownerKind: 'withdrawal',
    ownerId: row.id,
    intentId: intentId({
      installationId: context.installationId,
      tenantId: row.tenantId,
      operation: 'withdrawal',
      idempotencyKey: row.idempotencyKey,
    }),
    operation: 'withdrawal',
    idempotencyKey: row.idempotencyKey,
    chainId: asset.chainId,
    asset: asset.caip19,
    token: asset.address,
    recipient: row.recipient,
    amount: row.amount,
    decisionId: row.decisionId,
    settleAt: tier.commitAt,
    expiresAt: row.expiresAt,
    correlationId: row.correlationId,
  };
}
