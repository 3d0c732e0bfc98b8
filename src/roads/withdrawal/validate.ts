import type { Requirement } from '../../base/config/index.ts';
import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { WITHDRAWAL } from '../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import { releaseTransfer } from '../../books/ledger/index.ts';
import { evaluate, insertDecisions, type PolicyDecision } from '../../books/policy/index.ts';
import { askApprovers, requirementsOf } from './approval/ask.ts';
import type { WithdrawalContext } from './context.ts';
import { executeUnfrozen } from './execute.ts';
import { ledgerOrderOf, readSteps, type StepRow } from './rows.ts';

/**
 * RESERVED → APPROVED and on to EXECUTING unless it is frozen; AWAITING_APPROVAL where persons have to be asked; or
 * REJECTED with the reserve released. The decision is stored with version and trace. A crash before the COMMIT leaves
 * the job: it decides again, nothing was promised.
 */
export async function validateStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const rows = await readSteps(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const decided = rows.filter((row) => row.status === 'RESERVED').map((row) => judge(context, row));
  const denied = decided.filter(({ decision }) => decision.verdict === 'deny');
  const releases = denied.map(({ row }) => releaseTransfer(ledgerOrderOf(row)));
  await context.ledger.open(releases);
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    await context.ledger.lock(sql, releases);
    const mine = decided.filter(({ row }) => ours.has(row.id));
    const decisionIds = await insertDecisions(
      sql,
      mine.map(({ row, decision }) => ({
        tenantId: row.tenantId,
        subjectId: row.id,
        policyVersion: context.policyVersion,
        decision,
      })),
    );
    const moved = await moveAll(sql, mine, decisionIds);
    await context.ledger.post(
      sql,
      releases.filter((transfer) => moved.has(transfer.subjectId!)),
    );
    // Nobody has to be asked: executed in the same act, one hop of the queue less.
    const allowed = mine.flatMap((item, index) =>
      moved.has(item.row.id) && item.decision.verdict === 'allow'
        ? [{ ...item, decisionId: decisionIds[index]! }]
        : [],
    );
    await askApprovers(context, sql, allowed.filter(asks));
    const approved = allowed
      .filter((item) => !asks(item))
      .map(({ row, decision, decisionId }): StepRow => {
        return { ...row, decisionId, riskTier: decision.tier?.name ?? null };
      });
    await executeUnfrozen(context, sql, approved);
  });
  return [];
}

type Decided = { row: StepRow; decision: PolicyDecision; requirements: Requirement[] };

const asks = ({ requirements }: Decided) => requirements.length > 0;

function judge(context: WithdrawalContext, row: StepRow): Decided {
  const asset = context.assets.find(row.asset);
  const requirements =
    asset === undefined ? [] : requirementsOf(context, { asset, amount: row.amount });
  return { row, decision: decide(context, row), requirements };
}

/** An asset that is no longer configured has no tier: denied. */
function decide(context: WithdrawalContext, row: StepRow): PolicyDecision {
  const asset = context.assets.find(row.asset);
  if (asset !== undefined) return evaluate({ asset, amount: row.amount });
  return {
    verdict: 'deny',
    tier: null,
    trace: [{ rule: 'asset', verdict: 'deny', detail: `${row.asset} is not configured` }],
  };
}

function moveAll(
  sql: Sql,
  mine: readonly Decided[],
  decisionIds: readonly string[],
): Promise<Set<string>> {
  const no = (item: Decided) => item.decision.verdict === 'deny';
  return advance(
    sql,
    WITHDRAWAL,
    mine.map((item) => ({
      id: item.row.id,
      from: 'RESERVED' as const,
      to: no(item) ? 'REJECTED' : asks(item) ? 'AWAITING_APPROVAL' : 'APPROVED',
    })),
    {
      decision_id: { type: 'uuid', values: decisionIds },
      risk_tier: { type: 'text', values: mine.map((item) => item.decision.tier?.name ?? null) },
      failure_code: {
        type: 'text',
        values: mine.map((item) => (no(item) ? 'policy_denied' : null)),
      },
      failure_message: {
        type: 'text',
        values: mine.map((item) => (no(item) ? (item.decision.trace.at(-1)?.detail ?? '') : null)),
      },
    },
  );
}
