/**
 * Owns the funds of lanes: takes hot wallets into the books, opens those again that chain and books did not agree
 * about, pauses and shows them, fills and sweeps them, and books the gas of finalized slots. Promises that each is booked once
 * (constraints hold it). A crash leaves jobs, or a wallet that stays closed.
 */
export { adoptLane } from './adopt.ts';
export { type Adoption, adoptAgain } from './adoption/adopt-again.ts';
export { treasuryHandlers } from './gas.ts';
export { checkFunds } from './low.ts';
export { readProposals, sweepLane, sweepLanes, topUpLanes } from './moves/order.ts';
export { MoveResolver } from './moves/resolve.ts';
export { pauseLane, resumeLane } from './operate.ts';
export {
  type MoveView,
  moveView,
  readWallets,
  shownAmount,
  type WalletView,
} from './wallets.ts';
