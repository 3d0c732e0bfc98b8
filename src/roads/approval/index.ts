/**
 * Owns what persons do about payments that wait for them, whatever road these are on: what they are shown, with all that
 * they need to compute the digest by themselves, and what they answer. It has no rows of its own: requests and
 * approvals are in the books, and what goes on or ends is done by the road that asked. A crash leaves an answer or none.
 */
export { ApprovalService, type ApprovalView } from './service.ts';
