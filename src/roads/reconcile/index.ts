/**
 * Proves that books, chain and journal agree: every law of laws/, one snapshot per database, and the chain
 * walked by a reader of its own that shares nothing with the tracker. Promises that verify writes nothing,
 * that a running installation gives no false alarm, and that what could not be checked is told as such.
 * And gives breaks and halted chains their exit, by the word of two persons; and the regular checks look for what
 * stands still, and write what they find and nothing else. Owns no table. A crash leaves a closed connection, a
 * first word that waits for the second, or a check's lease that runs out.
 */
export { BreakService } from './breaks/service.ts';
export type { BreakView } from './breaks/view.ts';
export { booksChecks } from './checks/books.ts';
export { type Check, runCheck } from './checks/run.ts';
export { type Law, readLaws } from './laws.ts';
export { orderChainResume, type ResumeView } from './resume.ts';
export { parseSince, type Since } from './since.ts';
export { type VerifyReport, verify } from './verify.ts';
