/**
 * Proves that books, chain and journal agree: every law of laws/, one snapshot per database, and the chain
 * walked by a reader of its own that shares nothing with the tracker. Promises that nothing is written,
 * that a running installation gives no false alarm, and that what could not be checked is told as such.
 * The regular checks look for what stands still, and write what they find and nothing else. Owns no table.
 * A crash leaves nothing but a closed connection, or a check's lease that runs out.
 */

export { booksChecks } from './checks/books.ts';
export { type Check, runCheck } from './checks/run.ts';
export { type Law, readLaws } from './laws.ts';
export { parseSince, type Since } from './since.ts';
export { type VerifyReport, verify } from './verify.ts';
