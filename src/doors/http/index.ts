/**
 * Owns the HTTP API: routes, keys' scopes, headers, paging and the mapping of errors to problem
 * documents; no rules of payments. Promises that every answer, also to nonsense, is one of the
 * contract and that no fault's message leaves the process. A crash loses the connections only:
 * what was acknowledged is in the database, what was not is asked again with the same key.
 */
export { errorReference } from './error-reference.ts';
export { type EventView, eventView } from './event-view.ts';
export { buildServer, type ServerOptions } from './server.ts';
export type { DepositVerdict, Order, Page, Principal, Services } from './services.ts';
