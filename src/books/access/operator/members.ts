import { createHash } from 'node:crypto';
import type { Sql } from '../../../base/db/index.ts';
import { isUuid, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { isEffective, type Member } from './decide.ts';
import type { Role } from './roles.ts';

/** An operator as a tenant sees them. */
export type Operator = {
  operatorId: string;
  tenantId: string;
  name: string;
  roles: Role[];
  /** pending: registered, and the rights wait for a second person. */
  state: 'invited' | 'pending' | 'active' | 'suspended';
  /** Null: the owner. */
  grantedBy: string | null;
  activatedBy: string | null;
  /** What a second person compares with what the invited one sees. */
  fingerprints: string[];
  createdAt: Date;
};

/** Of a public key, for people to compare. */
export function fingerprintOf(publicKey: Uint8Array): string {
  const hex = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  return hex.match(/.{4}/g)!.join('-');
}

export async function fingerprintsOf(sql: Sql, operatorId: string): Promise<Set<string>> {
  const { rows } = await sql.query<{ key: Buffer }>(
    'SELECT public_key AS key FROM passkey WHERE operator_id = $1',
    [operatorId],
  );
  return new Set(rows.map(({ key }) => fingerprintOf(key)));
}

/** The operator of a name, made where there is none. */
export async function operatorNamed(sql: Sql, name: string): Promise<string> {
  await sql.query('INSERT INTO operator (name) VALUES ($1) ON CONFLICT (name) DO NOTHING', [name]);
  const { rows } = await sql.query<{ id: string }>(
    'SELECT operator_id AS id FROM operator WHERE name = $1',
    [name],
  );
  return rows[0]!.id;
}

/** The members of a tenant, locked in their order: who changes one of them looks at all. */
export async function lockMembers(sql: Sql, tenantId: string): Promise<Member[]> {
  await sql.query(
    'SELECT FROM operator_membership WHERE tenant_id = $1 ORDER BY operator_id FOR UPDATE',
    [tenantId],
  );
  // A statement of its own: the passkeys as they are behind the lock, not as they were before the wait.
  const { rows } = await sql.query<Member>(
    `SELECT operator_id AS "operatorId", roles, granted_by AS "grantedBy", activated_at AS "activatedAt",
       suspended_at AS "suspendedAt",
       (SELECT count(*)::int FROM passkey p WHERE p.operator_id = m.operator_id) AS passkeys
     FROM operator_membership m WHERE tenant_id = $1`,
    [tenantId],
  );
  return rows;
}

/** The members of every tenant of an operator: what changes a person everywhere. */
export async function lockEverywhere(sql: Sql, operatorId: string): Promise<Map<string, Member[]>> {
  const locked = new Map<string, Member[]>();
  const tenantIds = await tenantsOf(sql, operatorId, { active: false });
  for (const tenantId of tenantIds.sort()) locked.set(tenantId, await lockMembers(sql, tenantId));
  return locked;
}

/** The tenants of an operator, all or those where they may act. */
export async function tenantsOf(
  sql: Sql,
  operatorId: string,
  { active }: { active: boolean },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT tenant_id AS id FROM operator_membership
     WHERE operator_id = $1 AND (NOT $2 OR (activated_at IS NOT NULL AND suspended_at IS NULL))`,
    [operatorId, active],
  );
  return rows.map(({ id }) => id);
}

type Row = Omit<Operator, 'state' | 'fingerprints'> & {
  activatedAt: Date | null;
  suspendedAt: Date | null;
  keys: Buffer[];
};

const OPERATOR = `SELECT o.operator_id AS "operatorId", m.tenant_id AS "tenantId", o.name, m.roles,
    m.granted_by AS "grantedBy", m.activated_by AS "activatedBy", m.activated_at AS "activatedAt",
    m.suspended_at AS "suspendedAt", o.created_at AS "createdAt",
    ARRAY(SELECT public_key FROM passkey p WHERE p.operator_id = o.operator_id ORDER BY created_at) AS keys
  FROM operator o JOIN operator_membership m USING (operator_id)`;

function operatorOf({ activatedAt, suspendedAt, keys, ...row }: Row): Operator {
  const passkeys = keys.length;
  const active = isEffective({ ...row, activatedAt, suspendedAt, passkeys });
  const waiting = passkeys === 0 ? 'invited' : 'pending';
  const state = suspendedAt !== null ? 'suspended' : active ? 'active' : waiting;
  return { ...row, state, fingerprints: keys.map(fingerprintOf) };
}

/** Of one tenant, or of all, in the order of their making. */
export async function listOperators(
  sql: Sql,
  { tenantId = null }: { tenantId?: string | null } = {},
): Promise<Operator[]> {
  const { rows } = await sql.query<Row>(
    `${OPERATOR} WHERE ($1::uuid IS NULL OR m.tenant_id = $1) ORDER BY o.operator_id, m.tenant_id`,
    [tenantId],
  );
  return rows.map(operatorOf);
}

/** An operator of another tenant is not found. */
export async function readOperator(
  sql: Sql,
  { operatorId, tenantId }: { operatorId: string; tenantId: string },
): Promise<Operator | Refusal> {
  if (!isUuid(operatorId)) return noOperator(operatorId);
  const { rows } = await sql.query<Row>(
    `${OPERATOR} WHERE o.operator_id = $1 AND m.tenant_id = $2`,
    [operatorId, tenantId],
  );
  return rows.map(operatorOf)[0] ?? noOperator(operatorId);
}

export function noOperator(id: string): Refusal {
  return refuse('not_found', `There is no operator ${id} in this tenant.`);
}
