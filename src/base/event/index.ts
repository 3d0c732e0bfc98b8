/**
 * Owns the history's order and its readers. Events are written in the transaction of what they tell
 * (by advance(), or here for what is not a move); the sequencer numbers them after their commit.
 * Promises that a cursor never skips. A crash leaves events unnumbered until the next round.
 */
export { type EventRow, historyEpoch, lastPosition, readEvents } from './read.ts';
export { SEQUENCE_ROUND, sequenceEvents } from './sequence.ts';
export { writeEvents } from './write.ts';
