import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { intentId } from '../../base/effect/index.ts';
import { Invariant, WITHDRAWAL } from '../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../base/queue/index.ts';
import { consumeApprovals } from '../../books/approval/index.ts';
import { type Freeze, freezeOn, readStandingFreezes } from '../../books/freeze/index.ts';
import { readCommitLevels } from '../../books/policy/index.ts';
import { type NewTx, openTxs } from '../../books/tx/index.ts';
import type { WithdrawalContext } from './context.ts';
import { readSteps, type StepRow } from './rows.ts';
import { WITHDRAWAL_TOPICS } from './topics.ts';

const LOOK_AGAIN_MS = 5_000;

/**
 * APPROVED → EXECUTING for what stands approved by itself: validation takes the step at once in its own act
 * where nobody has to be asked, and this is for the rest. What is frozen waits, its money reserved; a freeze that
 * comes while this runs is met by the step that gives nonces, and by the signer.
 */
export async function executeStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const rows = await readSteps(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const standing = await readStandingFreezes(context.db);
  const approved = rows.filter((row) => row.status === 'APPROVED');
  const frozen = new Set(
    approved.filter((row) => isFrozen(context, standing, row)).map(({ id }) => id),
  );
  const finished = claimed.jobs.map((job) => job.subjectId).filter((id) => !frozen.has(id));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    await execute(
      context,
      sql,
      approved.filter((row) => ours.has(row.id)),
    );
  });
  return [...frozen].map((subjectId) => ({
    kind: 'wait',
    subjectId,
    delayMs: LOOK_AGAIN_MS,
    reason: 'frozen',
  }));
}

/** Wallets are chosen later: a wallet's freeze stops nothing here. */
function isFrozen(context: WithdrawalContext, standing: readonly Freeze[], row: StepRow): boolean {
  const asset = context.assets.find(row.asset);
  if (asset === undefined || standing.length === 0) return false;
  const { tenantId } = row;
  return (
    freezeOn(standing, { ...asset, tenantId, asset: asset.caip19, laneId: null }) !== undefined
  );
}

/** Executes what validation approved in its own act; what is frozen gets a job that waits. */
export async function executeUnfrozen(
  context: WithdrawalContext,
  sql: Sql,
  approved: readonly StepRow[],
): Promise<void> {
  const standing = approved.length === 0 ? [] : await readStandingFreezes(sql);
  const frozen = approved.filter((row) => isFrozen(context, standing, row));
  await execute(
    context,
    sql,
    frozen.length === 0 ? approved : approved.filter((row) => !frozen.includes(row)),
  );
  await enqueue(
    sql,
    frozen.map((row) => ({
      topic: WITHDRAWAL_TOPICS.approved,
      subjectId: row.id,
      tenantId: row.tenantId,
      trace: row.correlationId,
    })),
  );
}

/**
 * Opens the transactions that pay, in the caller's transaction. Their intent ids are derived, never
 * generated, so a second transaction for a withdrawal is refused by the database whatever runs twice.
 */
async function execute(
  context: WithdrawalContext,
  sql: Sql,
  approved: readonly StepRow[],
): Promise<void> {
  const moved = await advance(
    sql,
    WITHDRAWAL,
    approved.map((row) => ({ id: row.id, from: 'APPROVED', to: 'EXECUTING' })),
  );
  const opened = (
    await withLevels(
      sql,
      approved.filter((row) => moved.has(row.id)),
    )
  ).map((row) => txOf(context, row));
  const txIds = await openTxs(sql, opened);
  if (context.settings.guard.approvals.approvers.length === 0) return;
  await consumeApprovals(
    sql,
    opened.map(({ decisionId }, index) => ({ decisionId, txId: txIds[index]! })),
  );
}

/** Who comes from validation knows its level. */
async function withLevels(sql: Sql, rows: readonly StepRow[]): Promise<readonly StepRow[]> {
  const unknown = rows.flatMap(({ commitAt, decisionId }) =>
    commitAt === null && decisionId !== null ? decisionId : [],
  );
  if (unknown.length === 0) return rows;
  const levels = await readCommitLevels(sql, unknown);
  return rows.map((row) => {
    return { ...row, commitAt: row.commitAt ?? levels.get(row.decisionId ?? '') ?? null };
  });
}

function txOf(context: WithdrawalContext, row: StepRow): NewTx & { decisionId: string } {
  const asset = context.assets.find(row.asset);
  if (asset === undefined || row.commitAt === null || row.decisionId === null) {
    throw new Invariant(
      'internal',
      `withdrawal ${row.id} is approved without a decision, or for an asset that is not configured`,
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
    settleAt: row.commitAt,
    expiresAt: row.expiresAt,
    correlationId: row.correlationId,
  };
}
