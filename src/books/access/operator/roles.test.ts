import { describe, expect, it } from 'vitest';
import { GRANTS, type Grant } from '../scopes.ts';
import { beyondOperator, ROLE_SCOPES, rolesWith, scopesOf } from './roles.ts';

const READS = [
  ...['withdrawals:read', 'ledger:read', 'payments:read', 'events:read', 'admin:audit'],
  ...['admin:breaks:read', 'admin:chains:read', 'admin:lanes:read'],
];

describe('roles', () => {
  it('may do this and nothing else', () => {
    expect(ROLE_SCOPES).toEqual({
      viewer: READS,
      operator: [...READS, 'admin:breaks', 'admin:chains', 'admin:freeze', 'admin:lanes'],
      approver: [...READS, 'admin:approvals'],
      'policy-admin': [...READS, 'admin:address-book', 'admin:policy'],
      'security-admin': [...READS, 'admin:keys', 'operators'],
    });
  });

  it('are found by what they may do, reading by whoever may change too', () => {
    expect(rolesWith('operators')).toEqual(['security-admin']);
    expect(rolesWith('admin:lanes')).toEqual(['operator']);
    expect(rolesWith('admin:lanes:read')).toHaveLength(5);
    for (const scope of ['withdrawals:create', 'ledger:credit', 'admin'] as const) {
      expect(rolesWith(scope)).toEqual([]);
    }
  });
});

describe('a key that a security-admin orders', () => {
  const refused = (own: Parameters<typeof scopesOf>[0]) =>
    GRANTS.filter((grant: Grant) => beyondOperator(scopesOf(own), [grant]) !== undefined);

  it('may do what systems do, and of what people do no more than they themselves', () => {
    expect(refused(['security-admin'])).toEqual([
      ...['admin:approvals', 'admin:address-book', 'admin:breaks', 'admin:chains', 'admin:freeze'],
      ...['admin:lanes', 'admin:policy', 'admin', 'admin:*'],
    ]);
    expect(refused(['security-admin', 'operator', 'approver', 'policy-admin'])).toEqual([]);
  });
});
