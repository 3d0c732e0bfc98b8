import type { Requirement } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { ERRORS, type WithdrawalState } from '../../../base/kernel/index.ts';
import type { PolicyDecision } from '../../../books/policy/index.ts';
import type { TxRow } from '../../../books/tx/index.ts';
import type { StepRow } from '../rows.ts';

/** A withdrawal with its new decision. */
export type Again = {
  row: StepRow;
  /** Where one is open. */
  tx: TxRow | undefined;
  decision: PolicyDecision;
  decisionId: string;
  requirements: Requirement[];
  /** It waited for persons and is `denied`, `asked` about anew, or `approved`; it was open and is `kept` or `ended`. */
  next: 'denied' | 'asked' | 'approved' | 'kept' | 'ended';
  /** Of what is denied or ended. */
  end: { code: 'policy_denied' | 'policy_superseded'; message: string } | null;
};

type Said = { decision: PolicyDecision; own: readonly Requirement[]; decisionId: string };

/**
 * What a new decision means for a withdrawal. States only move forward: once its transaction is open it can not wait for
 * persons again, so what would need them ends (ADR 32). Pure.
 */
export function againOf(
  row: StepRow,
  tx: TxRow | undefined,
  { decision, own, decisionId }: Said,
): Again {
  const asked = decision.approvals === null ? own : [...own, decision.approvals];
  const persons = asked.length > 0 || decision.holds.length > 0;
  const open = row.status === 'EXECUTING';
  const again = { row, tx, decision, decisionId, requirements: [...asked] };
  if (decision.verdict === 'deny') {
    const end = { code: 'policy_denied', message: decision.reason ?? '' } as const;
    return { ...again, next: open ? 'ended' : 'denied', end };
  }
  if (!persons) return { ...again, next: open ? 'kept' : 'approved', end: null };
  if (!open) return { ...again, next: 'asked', end: null };
  const message = `${ERRORS.policy_superseded.title}: it needs persons now who were not asked`;
  return { ...again, next: 'ended', end: { code: 'policy_superseded', message } };
}

const STANDS: Record<Again['next'], WithdrawalState> = {
  ...{ denied: 'REJECTED', approved: 'APPROVED', asked: 'AWAITING_APPROVAL' },
  ...{ kept: 'EXECUTING', ended: 'EXECUTING' },
};

/** Puts withdrawals under their new decisions, where they stand as they were read or as this act moved them. */
export async function setDecisions(sql: Sql, all: readonly Again[]): Promise<number> {
  const { rowCount } = await sql.query({
    name: 'withdrawal_decide_again',
    text: `UPDATE withdrawal w SET decision_id = u.decision_id, risk_tier = u.tier, updated_at = now()
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[]) AS u(id, status, was, decision_id, tier)
      WHERE w.withdrawal_id = u.id AND w.withdrawal_id = ANY($1::uuid[]) AND w.status = u.status
        AND w.decision_id = u.was`,
    values: [
      all.map(({ row }) => row.id),
      all.map(({ next }) => STANDS[next]),
      all.map(({ row }) => row.decisionId),
      all.map(({ decisionId }) => decisionId),
      all.map(({ decision }) => decision.tier?.name ?? null),
    ],
  });
  return rowCount ?? 0;
}
