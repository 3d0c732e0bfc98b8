/**
 * Owns what is known of a freeze: the signer declares one when its journal, the main database and the witness
 * disagree, and lifts it when they agree again. Here it is read, and told to every tenant as an event, once each.
 * While one stands nothing is signed, so nobody should be given a nonce. A crash leaves a freeze
 * untold until the next round.
 */
export { readFreeze, tellFreezes } from './freeze.ts';
