/**
 * Decides what the chain says, and nothing else: walks blocks by parent hash under a lease, matches our
 * attempts, checks their effect, moves heads, ends transactions whose slot is final, follows reorgs or
 * halts. Promises that canonical and final are said under the head's lock only. A crash leaves the head
 * where it was; the next round walks the same blocks.
 */
export { Mismatches } from './mismatch.ts';
export { TipWatch } from './tip-watch.ts';
export { beginChain, trackRound } from './tracker.ts';
