/**
 * Owns approvals: what persons were asked, what they signed, and what it was used for. An approval is an
 * approver's signature over the digest of one payment's content, by a key that the configuration pins;
 * a requirement is met by distinct persons, never by the one who asked for the payment. Promises that a
 * request ends once (approved, rejected, expired, cancelled), and that an approval is used once (its
 * consuming row is unique). Writes happen in one act each: a crash leaves it undone. The signer trusts
 * nothing of this and judges the signatures by itself.
 */
export { giveApproval, rejectApproval } from './answer.ts';
export { countedOf } from './check/judge.ts';
export { type Tally, tallyOf, thresholdOf } from './check/quorum.ts';
export type { Proof } from './check/signature.ts';
export {
  approvedOwners,
  closeApprovalRequests,
  consumeApprovals,
  readTallies,
} from './consume.ts';
export {
  type ApprovalRequest,
  listPendingApprovals,
  type NewApprovalRequest,
  openApprovalRequests,
  readApprovalRequests,
} from './requests.ts';
export { APPROVAL_TOPICS, type ApprovalOwner } from './topics.ts';
