import { type Requirement, walletGroupOf } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { EFFECT_GAS_LIMIT_CAP, intentId } from '../../../base/effect/index.ts';
import { Invariant } from '../../../base/kernel/index.ts';
import { tenantNames } from '../../../books/access/index.ts';
import {
  type NewApprovalRequest,
  openApprovalRequests,
  thresholdOf,
} from '../../../books/approval/index.ts';
import type { WithdrawalContext } from '../context.ts';
import type { StepRow } from '../rows.ts';

type Asked = { row: StepRow; decisionId: string; requirements: readonly Requirement[] };

/**
 * What persons have to say before an amount is paid: what the signer asks for whatever policy says, by the same
 * configuration. None: nobody is asked.
 */
export function requirementsOf(
  { settings }: Pick<WithdrawalContext, 'settings'>,
  { asset, amount }: { asset: string; amount: bigint },
): Requirement[] {
  const { thresholds } = settings.guard.approvals;
  const requirement = thresholdOf(thresholds, { kind: 'withdrawal', asset, amount });
  return requirement === null ? [] : [requirement];
}

/** Asks for the approvals of withdrawals, in the act that moves them to AWAITING_APPROVAL. */
export async function askApprovers(
  context: WithdrawalContext,
  sql: Sql,
  asked: readonly Asked[],
): Promise<void> {
  if (asked.length === 0) return;
  const names = await tenantNames(
    sql,
    asked.map(({ row }) => row.tenantId),
  );
  await openApprovalRequests(
    sql,
    asked.map((one) => requestOf(context, one, names.get(one.row.tenantId)!)),
    context.settings.guard.approvals,
  );
}

/** Without a wallet of the tenant's on the chain there is no group yet: by default it has the tenant's name. */
function requestOf(
  { assets, settings, installationId, policyVersion }: WithdrawalContext,
  { row, decisionId, requirements }: Asked,
  tenant: string,
): NewApprovalRequest {
  const asset = assets.find(row.asset);
  const chain = settings.chains.find(({ chainId }) => chainId === asset?.chainId);
  if (asset === undefined || chain === undefined) {
    throw new Invariant('internal', `withdrawal ${row.id} is of no configured asset`);
  }
  const { chainId } = chain;
  const { tenantId, idempotencyKey, amount, correlationId } = row;
  return {
    tenantId,
    ownerKind: 'withdrawal',
    ownerId: row.id,
    decisionId,
    requirements,
    content: {
      chainId,
      walletGroup: walletGroupOf(settings, { tenant, chainId }) ?? tenant,
      asset: asset.caip19,
      to: row.recipient,
      amount,
      feeCap: chain.fees.maxFeePerGas * EFFECT_GAS_LIMIT_CAP,
      intentId: intentId({ installationId, tenantId, operation: 'withdrawal', idempotencyKey }),
      policyVersion,
      initiator: row.initiatedBy ?? 'unknown',
    },
    endsAt: row.expiresAt,
    correlationId,
  };
}
