/**
 * Owns evidence: everything about one withdrawal in one file, which somebody without access to the installation
 * checks with nothing but its public key, and its chain with a node of their own. Promises that what the check passes is
 * in rows that were sealed and signed, that signed bytes do what was asked for and nothing else, and that a
 * file which is changed anywhere is found. Reads only, owns no table; a crash means a file that was not written.
 */
export { checkEvidence } from './check.ts';
export { exportEvidence } from './export.ts';
export { recheckChain } from './recheck.ts';
export type { Statement } from './statement.ts';
