import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { type Fault, isRefusal, isUuid, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { judgeActivation, judgeActor, judgeLast, type Member, withRoles } from './decide.ts';
import { type Invitation, openInvitation } from './invitations.ts';
import {
  fingerprintsOf,
  lockMembers,
  noOperator,
  type Operator,
  operatorNamed,
  readOperator,
  tenantsOf,
} from './members.ts';
import { isRole, ROLES, type Role } from './roles.ts';
import { type Actor, tell } from './tell.ts';

type At = { tenantId: string; operatorId: string; by: Actor };
/** `invitation` is null where there is a passkey already, or where others must invite as well. */
type Invited = { operator: Operator; invitation: Invitation | null };

const NAME = /^[a-z0-9][a-z0-9._@+-]{0,127}$/;

function readRoles(texts: readonly string[]): Role[] | Refusal {
  const faults: Fault[] = texts.flatMap((text, index) =>
    isRole(text) ? [] : [fault(`/roles/${index}`, text, `one of ${ROLES.join(', ')}`)],
  );
  if (texts.length === 0) faults.push(fault('/roles', 'none', 'at least one role'));
  if (faults.length === 0) return [...new Set(texts as Role[])];
  return refuse('invalid_request', 'The roles are not usable; see errors.', { faults });
}

const fault = (pointer: string, got: string, expected: string): Fault => ({
  ...{ pointer, code: 'invalid_request', got: got.slice(0, 128), expected },
});

/**
 * A person with roles in one tenant. The link is for them alone: whoever opens it registers a passkey, which is why
 * what an operator gives waits until another one has compared its fingerprint; what the owner gives is good, unless there
 * is a passkey already that nobody has compared: in no tenant was anything of its operator made good.
 */
export async function inviteOperator(
  db: Db,
  order: { tenantId: string; name: string; roles: readonly string[]; by: Actor; lifeMs: number },
): Promise<Invited | Refusal> {
  const { tenantId, name, by, lifeMs } = order;
  if (!NAME.test(name)) {
    const expected = '1 to 128 characters of a-z 0-9 . _ @ + -, a letter or digit first';
    const faults = [fault('/name', name, expected)];
    return refuse('invalid_request', `An operator's name has ${expected}.`, { faults });
  }
  const roles = readRoles(order.roles);
  if (isRefusal(roles)) return roles;
  return await inTransaction(db, async (sql) => {
    const members = await lockMembers(sql, tenantId);
    const refusal = judgeActor(members, by.operatorId, null);
    if (refusal !== null) return refusal;
    const operatorId = await operatorNamed(sql, name);
    if (members.some((member) => member.operatorId === operatorId)) {
      return refuse('operator_exists', `${name} is an operator of this tenant already.`);
    }
    await sql.query(
      `INSERT INTO operator_membership (operator_id, tenant_id, roles, granted_by, activated_at)
       SELECT $1, $2, $3, $4, CASE WHEN $4::uuid IS NULL AND (
           NOT EXISTS (SELECT FROM passkey WHERE operator_id = $1)
           OR EXISTS (SELECT FROM operator_membership WHERE operator_id = $1 AND activated_at IS NOT NULL)
         ) THEN clock_timestamp() END`,
      [operatorId, tenantId, roles, by.operatorId],
    );
    const data = { name, roles };
    await tell(sql, 'operator.invited', { operatorId, tenantIds: [tenantId], by, data });
    const registered = await hasPasskey(sql, operatorId);
    const mayInvite = !registered && (await isAdminOfAll(sql, operatorId, by.operatorId));
    const invitation = mayInvite
      ? await openInvitation(sql, { operatorId, by: by.operatorId, lifeMs })
      : null;
    return { operator: await shown(sql, { operatorId, tenantId }), invitation };
  });
}

async function hasPasskey(sql: Sql, operatorId: string): Promise<boolean> {
  const { rowCount } = await sql.query('SELECT FROM passkey WHERE operator_id = $1 LIMIT 1', [
    operatorId,
  ]);
  return rowCount === 1;
}

/** A link gives all that its operator may do, in every tenant. */
async function isAdminOfAll(sql: Sql, operatorId: string, by: string | null): Promise<boolean> {
  if (by === null) return true;
  const { rows } = await sql.query<{ elsewhere: number }>(
    `SELECT count(*)::int AS elsewhere FROM operator_membership m WHERE operator_id = $1 AND NOT EXISTS (
       SELECT FROM operator_membership a WHERE a.tenant_id = m.tenant_id AND a.operator_id = $2
         AND a.roles @> '{security-admin}' AND a.activated_at IS NOT NULL AND a.suspended_at IS NULL)`,
    [operatorId, by],
  );
  return rows[0]!.elsewhere === 0;
}

async function shown(sql: Sql, at: { operatorId: string; tenantId: string }): Promise<Operator> {
  return (await readOperator(sql, at)) as Operator;
}

const OTHER_PASSKEY = refuse(
  'other_passkey',
  'The operator has no passkey with the fingerprint that was compared.',
);

/** A change of one member under the lock of all, by who may; what `decide` refuses changes nothing. */
async function change(
  db: Db,
  { tenantId, operatorId, by }: At,
  act: (sql: Sql, target: Member, members: readonly Member[]) => Promise<Refusal | null>,
): Promise<Operator | Refusal> {
  if (!isUuid(operatorId)) return noOperator(operatorId);
  return await inTransaction(db, async (sql) => {
    const members = await lockMembers(sql, tenantId);
    const refusal = judgeActor(members, by.operatorId, operatorId);
    if (refusal !== null) return refusal;
    const target = members.find((member) => member.operatorId === operatorId);
    if (target === undefined) return noOperator(operatorId);
    return (await act(sql, target, members)) ?? (await shown(sql, { operatorId, tenantId }));
  });
}

/**
 * Another link for an operator who lost their passkeys. Who accepts it has new passkeys in the place of all others,
 * and rights that wait for a second person everywhere; so it is given by who is a security-admin everywhere.
 */
export async function recoverOperator(
  db: Db,
  at: At & { lifeMs: number },
): Promise<Invited | Refusal> {
  const { operatorId, by, lifeMs } = at;
  let invitation: Invitation | null = null;
  const operator = await change(db, at, async (sql) => {
    if (!(await isAdminOfAll(sql, operatorId, by.operatorId))) {
      const detail = 'The operator belongs to other tenants too, where you are no security-admin.';
      return refuse('operator_elsewhere', detail);
    }
    invitation = await openInvitation(sql, { operatorId, by: by.operatorId, lifeMs });
    const tenantIds = await tenantsOf(sql, operatorId, { active: false });
    await tell(sql, 'operator.invited', { operatorId, tenantIds, by, data: { recovery: true } });
    return null;
  });
  return isRefusal(operator) ? operator : { operator, invitation };
}

/** Narrower roles hold at once. With a wider one the operator may do nothing until a second person activates it. */
export async function changeRoles(
  db: Db,
  at: At & { roles: readonly string[] },
): Promise<Operator | Refusal> {
  const { tenantId, operatorId, by } = at;
  const roles = readRoles(at.roles);
  if (isRefusal(roles)) return roles;
  return await change(db, at, async (sql, target, members) => {
    const after = withRoles(target, roles, by.operatorId);
    if (isRefusal(after)) return after;
    const refusal = judgeLast(members, by.operatorId, after);
    if (refusal !== null) return refusal;
    await sql.query(
      `UPDATE operator_membership SET roles = $3, granted_at = clock_timestamp(), granted_by = $4,
         activated_by = CASE WHEN $5 THEN activated_by END, activated_at = CASE WHEN $5 THEN activated_at END
       WHERE operator_id = $1 AND tenant_id = $2`,
      [operatorId, tenantId, roles, after.grantedBy, after.activatedAt !== null],
    );
    const data = { from: target.roles, to: roles, active: after.activatedAt !== null };
    await tell(sql, 'operator.roles_changed', { operatorId, tenantIds: [tenantId], by, data });
    return null;
  });
}

/** `fingerprint`: of the passkey that was compared, which another may have replaced since; the owner may leave it out. */
export async function activateOperator(
  db: Db,
  at: At & { fingerprint?: string },
): Promise<Operator | Refusal> {
  const { tenantId, operatorId, by, fingerprint } = at;
  return await change(db, at, async (sql, target) => {
    const refusal = judgeActivation(target, by.operatorId);
    if (refusal !== null) return refusal;
    const known = await fingerprintsOf(sql, operatorId);
    const compared = fingerprint === undefined ? by.operatorId === null : known.has(fingerprint);
    if (!compared) return OTHER_PASSKEY;
    await sql.query(
      `UPDATE operator_membership SET activated_by = $3, activated_at = clock_timestamp()
       WHERE operator_id = $1 AND tenant_id = $2`,
      [operatorId, tenantId, by.operatorId],
    );
    const data = { roles: target.roles };
    await tell(sql, 'operator.activated', { operatorId, tenantIds: [tenantId], by, data });
    return null;
  });
}

/** Holds from the next request on, on every process: rights are read with each. Idempotent. */
export async function suspendOperator(db: Db, at: At): Promise<Operator | Refusal> {
  const { tenantId, operatorId, by } = at;
  return await change(db, at, async (sql, target, members) => {
    if (target.suspendedAt !== null) return null;
    const refusal = judgeLast(members, by.operatorId, { ...target, suspendedAt: new Date() });
    if (refusal !== null) return refusal;
    await sql.query(
      `UPDATE operator_membership SET suspended_at = clock_timestamp()
       WHERE operator_id = $1 AND tenant_id = $2`,
      [operatorId, tenantId],
    );
    await tell(sql, 'operator.suspended', { operatorId, tenantIds: [tenantId], by });
    return null;
  });
}

/** The rights are those that were good before. Idempotent. */
export async function resumeOperator(db: Db, at: At): Promise<Operator | Refusal> {
  const { tenantId, operatorId, by } = at;
  return await change(db, at, async (sql, target) => {
    if (target.suspendedAt === null) return null;
    await sql.query(
      `UPDATE operator_membership SET suspended_at = NULL WHERE operator_id = $1 AND tenant_id = $2`,
      [operatorId, tenantId],
    );
    await tell(sql, 'operator.resumed', { operatorId, tenantIds: [tenantId], by });
    return null;
  });
}
