import type { Requirement } from '../../../base/config/index.ts';
import { type ApprovalContent, readAuthorization } from '../../../base/effect/index.ts';
import {
  type ApprovalFault,
  judgeApproval,
  tallyOf,
  thresholdOf,
} from '../../../books/approval/check.ts';
import type { Asked, Order } from '../grammar.ts';
import { moveKindOf } from '../moves/check.ts';
import { laneKey, type SigningRules } from '../rules.ts';

export type ApprovalRefusal = {
  code:
    | 'approval_missing'
    | 'approval_mismatch'
    | 'approval_replayed'
    | 'approval_policy_outdated'
    | 'approval_expired'
    | ApprovalFault['code'];
  message: string;
  /** Of the payment, that is not as it was approved. */
  field?: keyof ApprovalContent;
};

/** What this signer's own configuration asks for, whatever was decided; null: nothing. */
export function requirementOf(
  rules: SigningRules,
  order: Pick<Order, 'kind' | 'tx'>,
): Requirement | null {
  const { thresholds } = rules.approvals;
  if (thresholds.length === 0 || order.kind !== 'effect' || moveKindOf(order) !== null) return null;
  const kind = order.tx.payerAuthorization === null ? 'withdrawal' : 'payment';
  return thresholdOf(thresholds, { ...order.tx, kind });
}

/**
 * Whether persons have said yes to exactly this payment: what they signed is compared with the order field by field,
 * and their signatures are verified over it by keys that this signer pins. The time and the policy count for a first
 * attempt only; a replacement is the same payment within the same fee cap. `nowMs` is this signer's clock.
 */
export function checkApprovals(
  rules: SigningRules,
  order: Order,
  { first, nowMs }: { first: boolean; nowMs: number },
): ApprovalRefusal | null {
  const requirement = requirementOf(rules, order);
  if (requirement === null) return null;
  const { asked } = order;
  if (asked === null) return { code: 'approval_missing', message: 'nobody was asked' };
  const { content } = asked;
  if (content.intentId !== order.tx.intentId) {
    const message = `the approvals are for intent ${content.intentId}`;
    return { code: 'approval_replayed', message, field: 'intentId' };
  }
  const edited = editedField(rules, order, content);
  if (edited !== null) return edited;
  // Whether that version is in force was judged with the decision.
  const decidedBy = order.decision?.policyVersion;
  if (first && content.policyVersion !== decidedBy) {
    const message = `approved under ${content.policyVersion}, decided by ${decidedBy ?? 'none'}`;
    return { code: 'approval_policy_outdated', message, field: 'policyVersion' };
  }
  if (first && content.expiry * 1000 <= nowMs) {
    const message = `the approvals ended at ${new Date(content.expiry * 1000).toISOString()}`;
    return { code: 'approval_expired', message, field: 'expiry' };
  }
  return checkQuorum(rules, order, asked, requirement);
}

function checkQuorum(
  { approvals: settings }: SigningRules,
  { txId }: Order,
  { content, approvals }: Asked,
  requirement: Requirement,
): ApprovalRefusal | null {
  const good: string[] = [];
  const bad: ApprovalRefusal[] = [];
  for (const approval of approvals) {
    const { approverId, usedBy } = approval;
    const fault = judgeApproval(settings, content, approval);
    if (fault !== null) bad.push(fault);
    else if (usedBy !== txId) {
      const message = `the approval of ${approverId} was used by ${usedBy ?? 'nothing'}`;
      bad.push({ code: 'approval_replayed', message });
    } else good.push(approverId);
  }
  const { met, given, required } = tallyOf([requirement], settings.groups, good);
  if (met) return null;
  return bad[0] ?? { code: 'approval_missing', message: `${given} of ${required} approvals` };
}

/** The first field that is not as persons approved it. */
function editedField(
  rules: SigningRules,
  { tx, slot, gasLimit, maxFeePerGas }: Order,
  content: ApprovalContent,
): ApprovalRefusal | null {
  const { walletGroup } = rules.lanes.get(laneKey(slot.chainId, slot.from))!;
  const fields: [keyof ApprovalContent, string, unknown, unknown][] = [
    ['chainId', 'the chain', slot.chainId, content.chainId],
    ['walletGroup', 'the wallet group', walletGroup, content.walletGroup],
    ['asset', 'the asset', tx.asset, content.asset],
    ['to', 'the recipient', tx.recipient, content.to],
    ['amount', 'the amount', tx.amount, content.amount],
  ];
  // Who asks for a payment is who pays it.
  const payer = tx.payerAuthorization && readAuthorization(tx.payerAuthorization)?.payer;
  if (payer !== null) fields.push(['initiator', 'the payer', payer, content.initiator]);
  for (const [field, name, is, was] of fields) {
    if (is !== was) {
      return { code: 'approval_mismatch', message: `${name} is ${is}, approved is ${was}`, field };
    }
  }
  const fee = gasLimit * maxFeePerGas;
  return fee <= content.feeCap
    ? null
    : {
        code: 'approval_mismatch',
        message: `the fee may come to ${fee}, approved is ${content.feeCap}`,
        field: 'feeCap',
      };
}
