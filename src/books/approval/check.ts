/**
 * The pure door, also the signer's: whether an approval is its approver's over a content, and whether approvals
 * meet a requirement. Knows keys and groups from the configuration only; no state, no I/O.
 */
export { type Approval, type ApprovalFault, judgeApproval } from './check/judge.ts';
export { tallyOf, thresholdOf } from './check/quorum.ts';
