/**
 * Credits by the deposit system, and the reads of customers' books. Promises that a deposit is booked
 * once, by key and by reference. A crash leaves an empty account at most.
 */
export { DepositService } from './service.ts';
export type { BalanceView, DepositView, TransferView } from './types.ts';
