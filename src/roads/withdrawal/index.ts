/**
 * The withdrawal's road: request (reserve at intake), validate, execute, settle, cancel, expire. Owns the
 * withdrawal's rows, states and topics. Promises: one key, one withdrawal, for ever; 202 means the
 * money is set aside; COMMIT at the tier's level, RELEASE only when no signature can exist or the end
 * is final. Each step is one transaction that deletes its jobs: a crash runs it again, and it finds
 * what was done.
 */

export { SupersededWatch } from './again/watch.ts';
export { HoldService, type HoldView } from './approval/holds.ts';
export { withdrawalIntents } from './approval/intents.ts';
export type { WithdrawalContext } from './context.ts';
export type { PreviewView } from './decision/preview.ts';
export { settlerHandlers, validatorHandlers } from './handlers.ts';
export { WithdrawalService } from './service.ts';
export { WithdrawalResolver } from './settle/resolve.ts';
export { pastWithdrawals } from './simulate/past.ts';
export { sweepStanding } from './sweep.ts';
export {
  PUBLIC_STATUSES,
  type PublicStatus,
  type Verdict,
  type WithdrawalFilter,
  type WithdrawalView,
} from './types.ts';
