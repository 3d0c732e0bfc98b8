/**
 * Owns the local installation: order of start and stop, configuration and keys of the development
 * chain, and that every process it started is there. Promises one supervisor per state folder, that a
 * process which dies is restarted for ever, and that a clean end leaves nothing running. Killed, it
 * leaves PostgreSQL and the chain running for the next start; api, worker and signer end by themselves.
 */
export type { StartOptions } from './installation.ts';
export { Supervisor } from './supervisor.ts';
export { Terminal } from './terminal.ts';
