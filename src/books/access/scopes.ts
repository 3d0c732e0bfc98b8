/** What a route may ask for. */
const SCOPES = [
  'withdrawals:create',
  'withdrawals:read',
  'ledger:credit',
  'ledger:read',
  'events:read',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** What a key may hold: a closed list, so that a misspelt scope is refused and never grants nothing silently. */
export const GRANTS = [...SCOPES, 'withdrawals:*'] as const;
export type Grant = (typeof GRANTS)[number];

/** `admin` is a scope beside the others and grants none of them. */
export function allows(granted: readonly Grant[], needed: Scope): boolean {
  return (
    granted.includes(needed) ||
    (needed.startsWith('withdrawals:') && granted.includes('withdrawals:*'))
  );
}

export function isGrant(text: string): text is Grant {
  return (GRANTS as readonly string[]).includes(text);
}
