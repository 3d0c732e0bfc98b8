import type { PolicyDecision } from '../../../books/policy/index.ts';
import { laterOf } from '../payment/outcome.ts';
import type { PaymentRow } from '../payment/rows.ts';

/** What a payment goes on by, as its row has it, once a decision was made; null: a denial's, which changes nothing. */
export function tierColumns(
  { riskTier, commitAt, waitUntil }: Pick<PaymentRow, 'riskTier' | 'commitAt' | 'waitUntil'>,
  tier: PolicyDecision['tier'],
) {
  return {
    risk_tier: tier?.name ?? riskTier,
    commit_at: tier?.commitAt ?? commitAt,
    wait_until: laterOf(waitUntil, tier?.waitUntil),
  };
}
