import { type Db, HEX_BYTES, inTransaction, type Sql } from '../../base/db/index.ts';
import { type Address, fromHex } from '../../base/kernel/index.ts';

/**
 * Whom each destination looks like, in order: an address of the tenant's book, or one that it has paid, with the same
 * two bytes at both ends. Null: like nobody, or it is known itself.
 */
export async function readLookAlikes(
  sql: Sql,
  destinations: readonly { tenantId: string; address: Address }[],
): Promise<(Address | null)[]> {
  const { rows } = await sql.query<{ like: Address | null }>({
    name: 'destination_look_alike',
    types: HEX_BYTES,
    text: `SELECT CASE WHEN NOT bool_or(k.address = u.address) THEN (array_agg(k.address ORDER BY k.address))[1] END AS like
      FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS u(tenant_id, address, n)
      LEFT JOIN LATERAL (
        SELECT e.address FROM address_book_entry e WHERE e.tenant_id = u.tenant_id AND e.removed_at IS NULL
          AND payonce_ends(e.address) = payonce_ends(u.address)
        UNION ALL
        SELECT p.address FROM paid_destination p WHERE p.tenant_id = u.tenant_id
          AND payonce_ends(p.address) = payonce_ends(u.address)
      ) k ON true
      GROUP BY u.n ORDER BY u.n`,
    values: [
      destinations.map(({ tenantId }) => tenantId),
      destinations.map(({ address }) => fromHex(address)),
    ],
  });
  return rows.map(({ like }) => like);
}

/**
 * Reads on in the history for whom tenants have paid, up to `limit` batches of it; true when there may be more. One
 * process at a time; a crash leaves what was read as unread.
 */
export async function notePaid(db: Db, limit = 1_000): Promise<boolean> {
  return inTransaction(db, async (sql) => {
    const cursor = await sql.query<{ position: bigint }>({
      name: 'paid_destination_cursor_lock',
      text: 'SELECT position FROM paid_destination_cursor FOR UPDATE SKIP LOCKED',
    });
    const from = cursor.rows[0]?.position;
    if (from === undefined) return false;
    const { rows } = await sql.query<{ batches: number; to: bigint | null }>({
      name: 'paid_destination_note',
      text: `WITH next AS MATERIALIZED (
          SELECT position, batch_id FROM event_order WHERE position > $1 ORDER BY position LIMIT $2
        ), paid AS (
          INSERT INTO paid_destination (tenant_id, address)
          SELECT DISTINCT w.tenant_id, w.recipient
          FROM next JOIN event_batch b USING (batch_id) CROSS JOIN LATERAL unnest(b.subject_ids) AS s(withdrawal_id)
          JOIN withdrawal w USING (withdrawal_id)
          WHERE b.type = 'withdrawal' AND b.to_state = 'COMPLETED' ORDER BY 1, 2
          ON CONFLICT DO NOTHING
        )
        SELECT count(*)::int AS batches, max(position) AS to FROM next`,
      values: [from, limit],
    });
    const { batches, to } = rows[0]!;
    if (to === null) return false;
    await sql.query({
      name: 'paid_destination_cursor_set',
      text: 'UPDATE paid_destination_cursor SET position = $1',
      values: [to],
    });
    return batches === limit;
  });
}
