import { type Db, inTransaction } from '../../../base/db/index.ts';
import { type Invitation, openInvitation } from './invitations.ts';
import { operatorNamed } from './members.ts';
import type { Role } from './roles.ts';
import { tell } from './tell.ts';

/**
 * While no security-admin can log in: a link for the first one, with these roles in these tenants, in the place of
 * the link of the start before. Null once there is one.
 */
export async function inviteFirstAdmin(
  db: Db,
  {
    tenantIds,
    roles,
    lifeMs,
  }: { tenantIds: readonly string[]; roles: readonly Role[]; lifeMs: number },
): Promise<Invitation | null> {
  return await inTransaction(db, async (sql) => {
    const { rows: admins } = await sql.query(
      `SELECT FROM operator_membership m WHERE roles @> '{security-admin}' AND activated_at IS NOT NULL
         AND suspended_at IS NULL AND EXISTS (SELECT FROM passkey p WHERE p.operator_id = m.operator_id) LIMIT 1`,
    );
    if (admins.length > 0) return null;
    // Not one who had passkeys: they were suspended, and a link would bring them back.
    const { rows } = await sql.query<{ name: string }>(
      `SELECT name FROM (SELECT n, 'admin' || coalesce('-' || nullif(n, 1), '') AS name
         FROM generate_series(1, 1000) n) names
       WHERE NOT EXISTS (SELECT FROM operator o JOIN passkey USING (operator_id) WHERE o.name = names.name)
       ORDER BY n LIMIT 1`,
    );
    const operatorId = await operatorNamed(sql, rows[0]!.name);
    const { rowCount: added } = await sql.query(
      `INSERT INTO operator_membership (operator_id, tenant_id, roles, activated_at)
       SELECT $1, t, $3, clock_timestamp() FROM unnest($2::uuid[]) t
       ON CONFLICT (operator_id, tenant_id) DO NOTHING`,
      [operatorId, tenantIds, roles],
    );
    const by = { operatorId: null };
    if (added !== 0)
      await tell(sql, 'operator.invited', { operatorId, tenantIds, by, data: { roles } });
    return await openInvitation(sql, { operatorId, by: null, lifeMs });
  });
}
