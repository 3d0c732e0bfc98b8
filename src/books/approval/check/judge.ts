import type { ApprovalSettings } from '../../../base/config/index.ts';
import { type ApprovalContent, approvalDigest } from '../../../base/effect/index.ts';
import { type Proof, verifyProof } from './signature.ts';

export type Approval = { approverId: string; proof: Proof };

/** Each code is a refusal of its own. */
export type ApprovalFault = {
  code: 'approver_unknown' | 'approver_is_initiator' | 'approval_signature_invalid';
  message: string;
};

/** Whose approvals count by the configuration of now: a key that was replaced or taken out since has said nothing. */
export function countedOf(
  settings: Pick<ApprovalSettings, 'approvers' | 'webauthn'>,
  { content, approvals }: { content: ApprovalContent; approvals: readonly Approval[] },
): string[] {
  return approvals.flatMap((approval) =>
    judgeApproval(settings, content, approval) === null ? approval.approverId : [],
  );
}

/** Why an approval of this content does not count; null: it does. A payer asks for its own payment by its address. */
export function judgeApproval(
  { approvers, webauthn }: Pick<ApprovalSettings, 'approvers' | 'webauthn'>,
  content: ApprovalContent,
  { approverId, proof }: Approval,
): ApprovalFault | null {
  const approver = approvers.find(({ id }) => id === approverId);
  if (approver === undefined) {
    return { code: 'approver_unknown', message: `${approverId} is no approver here (any more)` };
  }
  const isPayer = approver.kind === 'evm' && approver.address === content.initiator;
  if (isPayer || approver.initiators.includes(content.initiator)) {
    return {
      code: 'approver_is_initiator',
      message: `${approverId} asked for this payment as ${content.initiator}`,
    };
  }
  const verified = verifyProof(approver, approvalDigest(content), proof, webauthn);
  return verified.ok ? null : { code: 'approval_signature_invalid', message: verified.why };
}
