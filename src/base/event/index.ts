/**
 * Owns the history's order and its readers, and audit entries: what persons did. Events and
 * entries are written in the transaction of what they tell (moves by advance()); the sequencer numbers events
 * after their commit. Promises that a cursor never skips. A crash leaves events unnumbered until the next round.
 */
export { type AuditRow, readAudit, writeAudit } from './audit.ts';
export { type EventRow, historyEpoch, lastPosition, readEvents } from './read.ts';
export { SEQUENCE_ROUND, sequenceEvents } from './sequence.ts';
export { writeEvents } from './write.ts';
