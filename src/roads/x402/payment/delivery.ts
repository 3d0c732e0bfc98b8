import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';

/** So long a success may be on its way to one caller; then the next one gets it. */
const DELIVERY_MS = 5_000;

type Delivery = 'mine' | 'delivered' | 'on_its_way';

/**
 * Who may be told of a success: one caller, once. `mine` is to be confirmed when the answer has left, or given back; a
 * crash in between gives it back by itself.
 */
async function takeDeliveries(sql: Sql, ids: readonly string[]): Promise<Map<string, Delivery>> {
  const taken = await sql.query<{ id: string }>({
    name: 'payment_deliver',
    text: `WITH free AS (
        SELECT payment_id FROM payment WHERE payment_id = ANY($1::uuid[]) ORDER BY payment_id FOR UPDATE
      )
      UPDATE payment p SET delivering_until = now() + $2 * interval '1 millisecond' FROM free f
      WHERE p.payment_id = f.payment_id AND p.delivered_at IS NULL
        AND (p.delivering_until IS NULL OR p.delivering_until < now())
      RETURNING p.payment_id AS id`,
    values: [ids, DELIVERY_MS],
  });
  const mine = new Set(taken.rows.map(({ id }) => id));
  const left = ids.filter((id) => !mine.has(id));
  const others = await sql.query<{ id: string; delivered: boolean }>({
    name: 'payment_delivered',
    text: `SELECT payment_id AS id, delivered_at IS NOT NULL AS delivered FROM payment
      WHERE payment_id = ANY($1::uuid[])`,
    values: [left],
  });
  return new Map<string, Delivery>([
    ...[...mine].map((id) => [id, 'mine'] as const),
    ...others.rows.map(({ id, delivered }) => {
      return [id, delivered ? 'delivered' : 'on_its_way'] as const;
    }),
  ]);
}

/** Of several in one group that ask for the same, the first may have it. */
export async function takeOnce(db: Db, ids: readonly string[]): Promise<Delivery[]> {
  const found = await inTransaction(db, (sql) => takeDeliveries(sql, [...new Set(ids)]));
  const told = new Set<string>();
  return ids.map((id) => {
    const delivery = found.get(id) ?? 'delivered';
    if (delivery !== 'mine' || !told.has(id)) {
      told.add(id);
      return delivery;
    }
    return 'on_its_way' as const;
  });
}

/** Of answers that have left, and of those that could not. */
export async function endDeliveries(
  sql: Sql,
  ended: readonly { id: string; delivered: boolean }[],
): Promise<void> {
  await sql.query({
    name: 'payment_delivery_end',
    text: `UPDATE payment p SET delivering_until = NULL,
        delivered_at = CASE WHEN u.delivered THEN coalesce(p.delivered_at, now()) ELSE p.delivered_at END
      FROM unnest($1::uuid[], $2::boolean[]) AS u(id, delivered) WHERE p.payment_id = u.id`,
    values: [ended.map(({ id }) => id), ended.map(({ delivered }) => delivered)],
  });
}

/** True for who was told before that it is under way: their second call is the last that they make. */
export async function notePending(sql: Sql, id: string): Promise<boolean> {
  const { rows } = await sql.query<{ before: boolean }>({
    name: 'payment_pending_told',
    text: `WITH was AS (SELECT pending_told_at FROM payment WHERE payment_id = $1), told AS (
        UPDATE payment SET pending_told_at = now() WHERE payment_id = $1)
      SELECT pending_told_at IS NOT NULL AS before FROM was`,
    values: [id],
  });
  return rows[0]?.before ?? false;
}

/** A merchant whose settle failed may have it verified again at once. */
export async function releaseLease(sql: Sql, id: string): Promise<void> {
  await sql.query({
    name: 'payment_lease_end',
    text: 'UPDATE payment SET leased_until = NULL WHERE payment_id = $1 AND leased_until IS NOT NULL',
    values: [id],
  });
}
