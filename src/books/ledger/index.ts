/**
 * Owns ledger accounts, transfers, postings, reserves and their resolutions. Promises: append-only
 * double entry; no balance is ever on its wrong side; a reserve of a generation is made once and
 * resolved once (constraints hold each of these). Writes happen in the caller's transaction, so a crash
 * leaves the whole movement or nothing.
 */
export {
  type EarningMove,
  earningAccounts,
  earningTransfers,
  expectedTransfer,
} from './earnings.ts';
export { readAccount, readAmount, readAsset } from './fields.ts';
export { Ledger, lockAccounts } from './ledger.ts';
export type { AccountKey, Transfer } from './movement.ts';
export {
  type Balance,
  type LaneBalance,
  readBalances,
  readBalancesAt,
  readLaneBalances,
  readStatement,
  replayBreaks,
} from './read.ts';
export { reserveCtes } from './reserve-sql.ts';
export {
  adjustTransfer,
  arriveTransfer,
  assignTransfer,
  commitTransfer,
  depositTransfer,
  fundTransfer,
  gasTransfer,
  releaseTransfer,
  reserveGasTransfer,
  reserveTransfer,
  reverseTransfer,
  unassignTransfer,
} from './transfers.ts';
