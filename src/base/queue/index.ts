/**
 * Owns the job table, the runner and the loops. Promises that a step's jobs are deleted in the same
 * transaction that records their effect: inside one database a step happens once. A crash leaves
 * leases that run out; the step then runs again and finds what was done.
 */
export { backoffMs } from './backoff.ts';
export {
  bury,
  claim,
  complete,
  enqueue,
  postgresTransport,
  postpone,
} from './jobs.ts';
export { Loop } from './loop.ts';
export { type Handler, type Outcome, Runner, runClaim } from './runner.ts';
export type { Claim, JobRequest, Transport } from './transport.ts';
