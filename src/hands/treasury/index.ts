/**
 * Owns the funds of lanes: takes hot wallets into the books and books the gas of finalized slots.
 * Promises that each is booked once (constraints hold it). A crash leaves jobs, or a wallet unadopted.
 */
export { adoptLane } from './adopt.ts';
export { treasuryHandlers } from './gas.ts';
