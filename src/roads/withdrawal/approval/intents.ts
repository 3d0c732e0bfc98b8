import type { Sql } from '../../../base/db/index.ts';

/** What the intent ids of withdrawals are hashes of, by withdrawal. */
export async function withdrawalIntents(
  sql: Sql,
  installationId: string,
  ids: readonly string[],
): Promise<
  Map<
    string,
    { installationId: string; tenantId: string; operation: string; idempotencyKey: string }
  >
> {
  const { rows } = await sql.query<{ id: string; tenantId: string; idempotencyKey: string }>({
    name: 'withdrawal_keys',
    text: `SELECT withdrawal_id AS id, tenant_id AS "tenantId", idempotency_key AS "idempotencyKey" FROM withdrawal
      WHERE withdrawal_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(
    rows.map(({ id, ...key }) => [id, { installationId, operation: 'withdrawal', ...key }]),
  );
}
