/**
 * Owns the HTTP API: routes, keys' scopes, headers, paging and the mapping of errors to problem
 * documents; no rules of payments. Promises that every answer, also to nonsense, is one of the
 * contract and that no fault's message leaves the process. A crash loses the connections only:
 * what was acknowledged is in the database, what was not is asked again with the same key.
 */
export { errorReference } from './answer/error-reference.ts';
export { eventView } from './events/event-view.ts';
export { buildServer } from './server.ts';
export type { InvitedOperator } from './services/people-services.ts';
export type { Principal, Services } from './services/services.ts';
