import { allows, type Grant, opened, type Scope } from '../scopes.ts';

export const ROLES = ['viewer', 'operator', 'approver', 'policy-admin', 'security-admin'] as const;
export type Role = (typeof ROLES)[number];

const READS: readonly Scope[] = [
  'withdrawals:read',
  'ledger:read',
  'payments:read',
  'events:read',
  'admin:audit',
  'admin:breaks:read',
  'admin:chains:read',
  'admin:lanes:read',
];

/**
 * What a role may do. Nobody's role pays out or credits deposits: that is for keys of systems, so that a browser
 * that was taken over moves nothing by itself.
 */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: READS,
  operator: [...READS, 'admin:breaks', 'admin:chains', 'admin:freeze', 'admin:lanes'],
  approver: [...READS, 'admin:approvals'],
  'policy-admin': [...READS, 'admin:address-book', 'admin:policy'],
  'security-admin': [...READS, 'admin:keys', 'operators'],
};

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/** What the roles together may do. */
export function scopesOf(roles: readonly Role[]): Scope[] {
  return [...new Set(roles.flatMap((role) => ROLE_SCOPES[role]))];
}

/** Who may do it; empty: no person. */
export function rolesWith(scope: Scope): Role[] {
  return ROLES.filter((role) => allows(ROLE_SCOPES[role], scope));
}

/**
 * Of a key that an operator orders, what it may not have: what people do is given by whoever may do it themself,
 * what only systems do by any security-admin.
 */
export function beyondOperator(own: readonly Scope[], wanted: readonly Grant[]): Grant | undefined {
  return wanted.find((grant) =>
    opened(grant).some((scope) => rolesWith(scope).length > 0 && !allows(own, scope)),
  );
}
