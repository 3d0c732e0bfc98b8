import type { Requirement } from '../../../base/config/index.ts';
import { advance, inTransaction, type Sql, sideBySide } from '../../../base/db/index.ts';
import { Transient, WITHDRAWAL } from '../../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../../base/queue/index.ts';
import { releaseTransfer } from '../../../books/ledger/index.ts';
import { openHolds, type PolicyDecision } from '../../../books/policy/index.ts';
import { askApprovers, requirementsOf } from '../approval/ask.ts';
import type { WithdrawalContext } from '../context.ts';
import { executeUnfrozen } from '../execute.ts';
import { ledgerOrderOf, readSteps, type StepRow } from '../rows.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { foresee, judge, makeReady } from './judge.ts';
import { screen } from './screen.ts';

/** Screening is asked at once, and answers by a row. */
const LOOK_AGAIN_MS = 250;
/** It could not say, and is asked again by itself. */
const STAY_AWAY_MS = 2_000;

/**
 * RESERVED → APPROVED and on to EXECUTING unless it is frozen; AWAITING_APPROVAL where persons have to be asked; or
 * REJECTED with the reserve released. The decision is stored with version and trace, and what it takes from the
 * windows with it. Where destinations are screened, whom nobody knows yet waits undecided. A crash before the COMMIT
 * leaves the job: it decides again, nothing was promised.
 */
export async function validateStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const rows = await readSteps(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const reserved = rows.filter((row) => row.status === 'RESERVED');
  const screened = await screen(context, context.db, reserved);
  const unknown = new Set(
    [...screened].flatMap(([{ id }, { kind }]) => (kind === 'wanted' ? id : [])),
  );
  const foreseen = await foresee(context, reserved, screened);
  const { deniable } = foreseen;
  await context.ledger.open(deniable.map((row) => releaseTransfer(ledgerOrderOf(row))));
  await inTransaction(context.db, async (sql) => {
    const [ours, ready] = await sideBySide(
      complete(sql, claimed, finishedOf(claimed, unknown)),
      makeReady(
        context,
        sql,
        reserved.filter(({ id }) => !unknown.has(id)),
        foreseen,
      ),
    );
    const asked = reserved.filter(({ id }) => ours.has(id));
    const judged = await judge(context, sql, asked, { foreseen, ready });
    const waiting = asked.filter((row) => judged.decisionOf(row).waits);
    await lookLater(sql, waiting);
    const mine = waiting.length === 0 ? asked : asked.filter((row) => !waiting.includes(row));
    const denied = mine.filter((row) => judged.decisionOf(row).verdict === 'deny');
    // Only where the first document came to rule in between.
    if (denied.some((row) => !deniable.includes(row))) {
      throw new Transient('another policy rules than a moment ago');
    }
    const releases = denied.map((row) => releaseTransfer(ledgerOrderOf(row)));
    await context.ledger.lock(sql, releases);
    const decided = mine.map((row): Decided => {
      const decision = judged.decisionOf(row);
      const requirements = [...requirementsOf(context, row), ...listOf(decision.approvals)];
      return { row, decision, decisionId: judged.decisionIdOf(row), requirements };
    });
    const moved = await moveAll(sql, decided);
    await context.ledger.post(
      sql,
      releases.filter((transfer) => moved.has(transfer.subjectId!)),
    );
    // Nobody has to be asked: executed in the same act, one hop of the queue less.
    const allowed = decided.filter(
      ({ row, decision }) => moved.has(row.id) && decision.verdict === 'allow',
    );
    const { policyVersion } = judged;
    await askApprovers(
      { ...context, policyVersion },
      sql,
      allowed.filter(({ requirements }) => requirements.length > 0),
    );
    await openHolds(
      sql,
      allowed
        .filter(({ decision }) => decision.holds.length > 0)
        .map(({ row, decisionId, decision: { holds } }) => {
          const { id, tenantId, correlationId } = row;
          return { subjectId: id, tenantId, correlationId, decisionId, holds };
        }),
    );
    const approved = allowed.filter((item) => !asks(item)).map(approvedRow);
    await sideBySide(
      executeUnfrozen(context, sql, approved),
      judged.charge(sql, new Map(allowed.map((one) => [one.row.id, one.decisionId]))),
    );
  });
  return [...unknown].map((subjectId) => {
    return { kind: 'wait', subjectId, delayMs: LOOK_AGAIN_MS, reason: 'screening' };
  });
}

function finishedOf({ jobs }: Claim, waiting: ReadonlySet<string>): string[] | undefined {
  if (waiting.size === 0) return undefined;
  return jobs.flatMap(({ subjectId }) => (waiting.has(subjectId) ? [] : subjectId));
}

/** Undecided, in the place of jobs that are done. */
function lookLater(sql: Sql, rows: readonly StepRow[]): Promise<void> {
  return enqueue(
    sql,
    rows.map(({ id, tenantId, correlationId }) => ({
      ...{ topic: WITHDRAWAL_TOPICS.requested, subjectId: id, tenantId, trace: correlationId },
      delayMs: STAY_AWAY_MS,
    })),
  );
}

type Decided = {
  row: StepRow;
  decision: PolicyDecision;
  decisionId: string;
  requirements: Requirement[];
};

const listOf = (requirement: Requirement | null) => (requirement === null ? [] : [requirement]);

/** What is held, or has to be approved, waits. */
const asks = ({ requirements, decision }: Decided) =>
  requirements.length > 0 || decision.holds.length > 0;

function approvedRow({ row, decision: { tier }, decisionId }: Decided): StepRow {
  return { ...row, decisionId, riskTier: tier?.name ?? null, commitAt: tier?.commitAt ?? null };
}

function moveAll(sql: Sql, decided: readonly Decided[]): Promise<Set<string>> {
  const no = ({ decision }: Decided) => decision.verdict === 'deny';
  return advance(
    sql,
    WITHDRAWAL,
    decided.map((item) => ({
      id: item.row.id,
      from: 'RESERVED' as const,
      to: no(item) ? 'REJECTED' : asks(item) ? 'AWAITING_APPROVAL' : 'APPROVED',
    })),
    {
      decision_id: { type: 'uuid', values: decided.map(({ decisionId }) => decisionId) },
      risk_tier: {
        type: 'text',
        values: decided.map(({ decision }) => decision.tier?.name ?? null),
      },
      failure_code: {
        type: 'text',
        values: decided.map((item) => (no(item) ? 'policy_denied' : null)),
      },
      failure_message: { type: 'text', values: decided.map(({ decision }) => decision.reason) },
    },
  );
}
