import { type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { Role } from './roles.ts';

/** An operator in one tenant. */
export type Member = {
  operatorId: string;
  roles: Role[];
  grantedBy: string | null;
  activatedAt: Date | null;
  suspendedAt: Date | null;
  passkeys: number;
};

const NOT_ADMIN = refuse('missing_role', 'Operators are managed by a security-admin.', {
  members: { roles: 'security-admin' },
});
const OWN = refuse('own_rights', 'Nobody gives, takes or activates their own rights.');
const LAST = refuse(
  'last_security_admin',
  'After this the tenant would have no security-admin who can log in.',
);

/** Rights are theirs, and they can log in with them. */
export function isEffective({ activatedAt, suspendedAt, passkeys }: Member): boolean {
  return activatedAt !== null && suspendedAt === null && passkeys > 0;
}

function isAdmin(member: Member): boolean {
  return isEffective(member) && member.roles.includes('security-admin');
}

/** Whether somebody (null: the owner) may act on an operator of a tenant at all. Pure. */
export function judgeActor(
  members: readonly Member[],
  by: string | null,
  target: string | null,
): Refusal | null {
  if (by === null) return null;
  if (!members.some((member) => member.operatorId === by && isAdmin(member))) return NOT_ADMIN;
  return by === target ? OWN : null;
}

/** Whether what becomes of one member leaves the tenant a security-admin. The owner may leave none. Pure. */
export function judgeLast(
  members: readonly Member[],
  by: string | null,
  after: Member,
): Refusal | null {
  if (by === null || !members.some(isAdmin)) return null;
  const rest = members.map((member) => (member.operatorId === after.operatorId ? after : member));
  return rest.some(isAdmin) ? null : LAST;
}

/**
 * Whether rights that were given become good now. Whoever gave them may be whoever registered the passkey, so it
 * takes another one, who compares its fingerprint with the person. Pure.
 */
export function judgeActivation(target: Member, by: string | null): Refusal | null {
  if (target.activatedAt !== null) return refuse('already_active', 'The operator is active.');
  if (target.passkeys === 0) {
    return refuse('not_registered', 'The operator has not registered a passkey yet.');
  }
  if (by === null || by !== target.grantedBy) return null;
  return refuse(
    'second_person_required',
    'Whoever gave the rights does not activate them: another security-admin does, or the owner by payonce operators activate.',
  );
}

/**
 * The member with other roles: narrower ones hold at once, wider ones wait for a second person. Nobody widens what
 * waits already: whoever had given that could then activate the passkey that they registered themself. Pure.
 */
export function withRoles(
  member: Member,
  roles: readonly Role[],
  by: string | null,
): Member | Refusal {
  const wider = roles.some((role) => !member.roles.includes(role));
  const changed = { ...member, roles: [...roles] };
  if (!wider) return changed;
  if (member.activatedAt === null) {
    const detail =
      'The rights that were given before wait for a second person; activate them first.';
    return refuse('second_person_required', detail);
  }
  return { ...changed, grantedBy: by, activatedAt: null };
}
