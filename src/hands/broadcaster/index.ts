/**
 * Makes attempts and propagates them; decides nothing about their end. Promises: everything that can
 * refuse is asked before a nonce is given; bytes that are not stored are never sent; what is unknown is
 * sent again as the same bytes. Owns lane leases of its process. A crash leaves jobs and leases that
 * run out; slots and bytes are in the database.
 */
export { broadcasterHandlers, collectLoop, resendLoop } from './broadcaster.ts';
export type { BroadcasterContext } from './context.ts';
export { FeeMarkets } from './gas/fee-markets.ts';
export { TransferGas } from './gas/transfer-gas.ts';
export { LaneLeases } from './leases.ts';
export { raised } from './replace/decide-replace.ts';
export { replaceLoop } from './replace/round.ts';
