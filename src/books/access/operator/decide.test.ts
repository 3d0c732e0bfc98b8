import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../base/kernel/index.ts';
import {
  isEffective,
  judgeActivation,
  judgeActor,
  judgeLast,
  type Member,
  withRoles,
} from './decide.ts';
import type { Role } from './roles.ts';

const NOW = new Date('2026-01-31T12:00:00Z');

function member(operatorId: string, roles: Role[], more: Partial<Member> = {}): Member {
  const unbound = { grantedBy: null, activatedAt: NOW, suspendedAt: null, passkeys: 1 };
  return { operatorId, roles, ...unbound, ...more };
}
const codeOf = (answer: unknown) => (isRefusal(answer) ? answer.code : null);

const ann = member('ann', ['security-admin']);
const bob = member('bob', ['security-admin', 'operator']);
const eve = member('eve', ['viewer', 'operator']);

describe('who acts on operators', () => {
  it.each<[string, Member[], string | null, string | null, string | null]>([
    ['the owner, on whomever', [], null, 'ann', null],
    ['a security-admin, on another', [ann, eve], 'ann', 'eve', null],
    ['a security-admin, on themself', [ann, eve], 'ann', 'ann', 'own_rights'],
    ['somebody else', [ann, eve], 'eve', 'ann', 'missing_role'],
    ['a stranger', [ann, eve], 'mallory', 'ann', 'missing_role'],
    ['one whose rights wait', [{ ...ann, activatedAt: null }], 'ann', 'eve', 'missing_role'],
    ['one who is suspended', [{ ...ann, suspendedAt: NOW }], 'ann', 'eve', 'missing_role'],
    ['one without a passkey', [{ ...ann, passkeys: 0 }], 'ann', 'eve', 'missing_role'],
  ])('%s', (_who, members, by, target, expected) => {
    expect(codeOf(judgeActor(members, by, target))).toBe(expected);
  });
});

describe('the last security-admin', () => {
  const suspended = { ...ann, suspendedAt: NOW };
  it.each<[string, Member[], string | null, Member, string | null]>([
    ['stays', [ann, eve], 'bob', suspended, 'last_security_admin'],
    ['goes where there is another', [ann, bob], 'bob', suspended, null],
    [
      'stays where the other waits',
      [ann, { ...bob, activatedAt: null }],
      'x',
      suspended,
      'last_security_admin',
    ],
    [
      'stays where the other is suspended',
      [ann, { ...bob, suspendedAt: NOW }],
      'x',
      suspended,
      'last_security_admin',
    ],
    [
      'stays where the other has no passkey',
      [ann, { ...bob, passkeys: 0 }],
      'x',
      suspended,
      'last_security_admin',
    ],
    [
      'does not lose the role',
      [ann, eve],
      'x',
      { ...ann, roles: ['viewer'] },
      'last_security_admin',
    ],
    [
      'does not lose the last passkey',
      [ann, eve],
      'ann',
      { ...ann, passkeys: 0 },
      'last_security_admin',
    ],
    ['goes by the owner', [ann, eve], null, suspended, null],
    ['is not missed where there was none', [eve], 'x', { ...eve, suspendedAt: NOW }, null],
  ])('%s', (_what, members, by, after, expected) => {
    expect(codeOf(judgeLast(members, by, after))).toBe(expected);
  });
});

describe('an activation', () => {
  const waiting = { ...eve, grantedBy: 'ann', activatedAt: null };
  it.each<[string, Member, string | null, string | null]>([
    ['is another one’s than who gave the rights', waiting, 'bob', null],
    ['is not theirs', waiting, 'ann', 'second_person_required'],
    ['may be the owner’s', waiting, null, null],
    ['waits for a passkey', { ...waiting, passkeys: 0 }, 'bob', 'not_registered'],
    ['is made once', { ...waiting, activatedAt: NOW }, 'bob', 'already_active'],
  ])('%s', (_what, target, by, expected) => {
    expect(codeOf(judgeActivation(target, by))).toBe(expected);
  });
});

describe('other roles', () => {
  it('hold at once where they are narrower, and wait for a second person where one is wider', () => {
    expect(withRoles(bob, ['operator'], 'ann')).toEqual({ ...bob, roles: ['operator'] });
    expect(withRoles(eve, ['viewer', 'approver'], 'ann')).toEqual({
      ...eve,
      ...{ roles: ['viewer', 'approver'], grantedBy: 'ann', activatedAt: null },
    });
  });

  it('are not widened while those before wait: who gave those could then activate', () => {
    const waiting = { ...eve, grantedBy: 'ann', activatedAt: null };
    expect(codeOf(withRoles(waiting, ['approver'], 'bob'))).toBe('second_person_required');
    expect(withRoles(waiting, ['viewer'], 'bob')).toEqual({ ...waiting, roles: ['viewer'] });
  });

  it('are nothing to one who is suspended, who waits or has no passkey', () => {
    expect(
      [
        ann,
        { ...ann, suspendedAt: NOW },
        { ...ann, activatedAt: null },
        { ...ann, passkeys: 0 },
      ].map(isEffective),
    ).toEqual([true, false, false, false]);
  });
});
