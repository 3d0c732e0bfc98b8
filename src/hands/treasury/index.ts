/**
 * Owns the funds of lanes: takes hot wallets into the books and books the gas of finalized slots.
 * Promises that each is booked once (constraints hold it). A crash leaves jobs, or a wallet unadopted.
 */
export { type AdoptContext, adoptLane } from './adopt.ts';
export { type TreasuryContext, treasuryHandlers } from './gas.ts';
