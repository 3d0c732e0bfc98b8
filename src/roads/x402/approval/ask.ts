import { type Requirement, walletGroupOf } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { effectGasCap, packAuthorization } from '../../../base/effect/index.ts';
import { tenantNames } from '../../../books/access/index.ts';
import { type NewApprovalRequest, openApprovalRequests } from '../../../books/approval/index.ts';
import type { PolicyDecision } from '../../../books/policy/index.ts';
import { endOf } from '../payment/open.ts';
import type { PaymentRow } from '../payment/rows.ts';
import type { PolicyContext } from '../policy/judge.ts';
import { tierColumns } from '../policy/tier.ts';

type Asked = {
  payment: PaymentRow;
  decision: PolicyDecision;
  decisionId: string;
  requirements: readonly Requirement[];
};

type AskContext = Pick<PolicyContext, 'settings'> & { policyVersion: string };

/**
 * Asks persons about payments, in the act that decided about them; their rows are locked. They stay AUTH_VERIFIED with the
 * decision, which is theirs from now on: nobody decides about them again, or has a lease. Nothing is reserved.
 */
export async function askApprovers(
  context: AskContext,
  sql: Sql,
  asked: readonly Asked[],
): Promise<void> {
  if (asked.length === 0) return;
  const tiers = asked.map(({ payment, decision }) => tierColumns(payment, decision.tier));
  await sql.query({
    name: 'payment_asked',
    text: `UPDATE payment p SET decision_id = u.decision_id, risk_tier = u.risk_tier, commit_at = u.commit_at,
        wait_until = u.wait_until, leased_until = NULL
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
        AS u(payment_id, decision_id, risk_tier, commit_at, wait_until)
      WHERE p.payment_id = u.payment_id`,
    values: [
      asked.map(({ payment }) => payment.id),
      asked.map(({ decisionId }) => decisionId),
      tiers.map(({ risk_tier }) => risk_tier),
      tiers.map(({ commit_at }) => commit_at),
      tiers.map(({ wait_until }) => wait_until),
    ],
  });
  const names = await tenantNames(
    sql,
    asked.map(({ payment }) => payment.tenantId),
  );
  await openApprovalRequests(
    sql,
    asked.map((one) => requestOf(context, one, names.get(one.payment.tenantId)!)),
    context.settings.guard.approvals,
  );
}

/** The same content as a withdrawal's, so that one code shows, signs and verifies both. Who asks for a payment is its payer. */
function requestOf(
  { settings, policyVersion }: AskContext,
  { payment, decisionId, requirements }: Asked,
  tenant: string,
): NewApprovalRequest {
  const { id, tenantId, chainId, asset, amount, payTo, payer, correlationId } = payment;
  const { fees } = settings.chains.find((chain) => chain.chainId === chainId)!;
  const gasCap = effectGasCap({ payerAuthorization: packAuthorization(payment) });
  return {
    ...{ tenantId, ownerKind: 'payment', ownerId: id, decisionId, requirements },
    content: {
      chainId,
      walletGroup: walletGroupOf(settings, { tenant, chainId }) ?? tenant,
      asset,
      to: payTo,
      amount,
      feeCap: fees.maxFeePerGas * gasCap,
      intentId: payment.authorizationId,
      policyVersion,
      initiator: payer,
    },
    endsAt: endOf(payment),
    correlationId,
  };
}
