/**
 * Owns the `payonce` command: its arguments, where it finds databases and the API, what it prints and
 * its exit codes; no rules of payments. Client commands speak HTTP only. Promises that an error is one
 * line on stderr (what, found, do), that a payment's idempotency key is told before the request leaves,
 * and that an unknown outcome is told as unknown. A crash leaves nothing but a request that may be
 * repeated with its key.
 */
export { ApiClient, ApiProblem } from './api-client.ts';
export type { Role, StartFlags } from './context.ts';
export { followWithdrawal, isEnd, type Reader } from './follow.ts';
export { runCli } from './run.ts';
