import type { Sql } from '../../base/db/index.ts';
import { type Refusal, refuse } from '../../base/kernel/index.ts';

export type Tenant = { tenantId: string; name: string; createdAt: Date };

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const COLUMNS = 'tenant_id AS "tenantId", name, created_at AS "createdAt"';

/** A new set of books. Refuses a name that is malformed or taken. */
export async function createTenant(
  sql: Sql,
  { name }: { name: string },
): Promise<Tenant | Refusal> {
  if (!NAME.test(name)) {
    const expected = '1 to 63 characters of a-z 0-9 -, not - first';
    const fault = { pointer: '/name', code: 'invalid_request', got: name, expected } as const;
    return refuse('invalid_request', `A tenant's name has ${expected}.`, { faults: [fault] });
  }
  const { rows } = await sql.query<Tenant>(
    `INSERT INTO tenant (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    [name],
  );
  return rows[0] ?? refuse('invalid_request', `There is a tenant ${name} already; use its id.`);
}

export async function findTenant(sql: Sql, { name }: { name: string }): Promise<Tenant | null> {
  const { rows } = await sql.query<Tenant>(`SELECT ${COLUMNS} FROM tenant WHERE name = $1`, [name]);
  return rows[0] ?? null;
}

/** By id. */
export async function tenantNames(
  sql: Sql,
  tenantIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ tenant_id: string; name: string }>({
    name: 'tenant_names',
    text: 'SELECT tenant_id, name FROM tenant WHERE tenant_id = ANY($1::uuid[])',
    values: [tenantIds],
  });
  return new Map(rows.map((row) => [row.tenant_id, row.name]));
}

/** All tenants by name. */
export async function listTenants(sql: Sql): Promise<Tenant[]> {
  const { rows } = await sql.query<Tenant>(`SELECT ${COLUMNS} FROM tenant ORDER BY name`);
  return rows;
}
