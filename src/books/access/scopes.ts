/**
 * What a route may ask for. `admin` is for what has no narrower word, and only `admin` or `admin:*` holds it;
 * a route gets one by a line here and the word in its guard.
 */
const SCOPES = [
  'withdrawals:create',
  'withdrawals:read',
  'payments:read',
  'payments:settle',
  'payments:refund',
  'payments:price',
  'ledger:credit',
  'ledger:read',
  'events:read',
  'holds:clear',
  'admin:approvals',
  'admin:address-book',
  'admin:audit',
  'admin:breaks',
  'admin:breaks:read',
  'admin:chains',
  'admin:chains:read',
  'admin:freeze',
  'admin:keys',
  'admin:lanes',
  'admin:lanes:read',
  'admin:policy',
  'admin',
] as const;
/** `operators` is for people alone: no key holds it. */
export type Scope = (typeof SCOPES)[number] | 'operators';

/** What a key may hold: a closed list, so that a misspelt scope is refused and never grants nothing silently. */
export const GRANTS = [
  ...SCOPES,
  'withdrawals:*',
  'ledger:*',
  'payments:*',
  'webhooks:*',
  'admin:*',
] as const;
export type Grant = (typeof GRANTS)[number];

/** `admin` stands beside the other families and grants none of them. */
export function allows(granted: readonly (Grant | Scope)[], needed: Grant | Scope): boolean {
  return granted.includes(needed) || granted.some((grant) => covers(grant, needed));
}

/**
 * A scope covers those that go on from it: `admin:lanes` the reading of lanes. A family is only covered by itself:
 * one day it will have a member more than its members of today.
 */
function covers(grant: Grant | Scope, needed: Grant | Scope): boolean {
  const family = grant === 'admin' ? 'admin:*' : grant;
  if (!family.endsWith(':*')) return needed.startsWith(`${family}:`);
  return needed.startsWith(family.slice(0, -1)) || (family === 'admin:*' && needed === 'admin');
}

export function isGrant(text: string): text is Grant {
  return (GRANTS as readonly string[]).includes(text);
}

/** Every scope that a grant opens. */
export function opened(grant: Grant): Scope[] {
  return SCOPES.filter((scope) => allows([grant], scope));
}
