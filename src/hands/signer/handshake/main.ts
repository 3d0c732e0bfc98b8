import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { toHex } from '../../../base/kernel/index.ts';
import type { Freeze, Journal, Main } from './judge.ts';

/** What the main database shows of itself, asked for what the journal has seen of it. */
export async function mainGet(sql: Sql, { seen, requestId }: Journal): Promise<Main> {
  const { rows } = await sql.query<{
    installation_id: string;
    height: bigint;
    hash: Buffer;
    position: bigint | null;
    event_id: string | null;
    event_stands: boolean;
    order_claimed: boolean;
    frozen: boolean;
  }>({
    name: 'signer_main_get',
    // Positions may have gaps: a row's own position is remembered, never a counter.
    text: `SELECT i.installation_id, s.height, s.hash, e.position, e.batch_id AS event_id,
        $2::uuid IS NULL OR EXISTS (
          SELECT FROM event_order WHERE position = $1 AND batch_id = $2) AS event_stands,
        $3::uuid IS NULL OR EXISTS (
          SELECT FROM signature_request WHERE signature_request_id = $3 AND claimed_at IS NOT NULL
        ) AS order_claimed,
        EXISTS (SELECT FROM signing_freeze f WHERE NOT EXISTS (
          SELECT FROM signing_freeze_lift l WHERE l.freeze_id = f.freeze_id)) AS frozen
      FROM installation i CROSS JOIN journal_seal s
      LEFT JOIN LATERAL (
        SELECT position, batch_id FROM event_order ORDER BY position DESC LIMIT 1) e ON true`,
    values: [seen.position, seen.eventId, requestId],
  });
  const row = rows[0]!;
  return {
    installationId: row.installation_id,
    seal: { height: row.height, hash: toHex(row.hash) },
    position: row.position ?? 0n,
    eventId: row.event_id,
    eventStands: row.event_stands,
    orderClaimed: row.order_claimed,
    frozen: row.frozen,
  };
}

/** Declares a freeze unless one with this code stands: a copy that is put back may not have it. */
export async function freezeDeclare(main: Db, name: string, freeze: Freeze): Promise<void> {
  await inTransaction(main, async (sql) => {
    const { rowCount } = await sql.query({
      name: 'signer_freeze_declare',
      text: `INSERT INTO signing_freeze (code, detail, remedy, declared_by) SELECT $1, $2, $3, $4
        WHERE NOT EXISTS (SELECT FROM signing_freeze f WHERE f.code = $1
          AND NOT EXISTS (SELECT FROM signing_freeze_lift l WHERE l.freeze_id = f.freeze_id))`,
      values: [freeze.code, freeze.detail, freeze.remedy, name],
    });
    if ((rowCount ?? 0) > 0) await sql.query(`SELECT pg_notify('payonce_freeze', '')`);
  });
}

/** Lifts every freeze that stands, save one with this code; returns how many. */
export async function freezeLift(main: Db, name: string, except: string | null): Promise<number> {
  return inTransaction(main, async (sql) => {
    const { rowCount } = await sql.query({
      name: 'signer_freeze_lift',
      text: `INSERT INTO signing_freeze_lift (freeze_id, lifted_by) SELECT freeze_id, $1 FROM signing_freeze f
        WHERE f.code IS DISTINCT FROM $2
          AND NOT EXISTS (SELECT FROM signing_freeze_lift l WHERE l.freeze_id = f.freeze_id)
        ON CONFLICT DO NOTHING`,
      values: [name, except],
    });
    if ((rowCount ?? 0) > 0) await sql.query(`SELECT pg_notify('payonce_freeze', '')`);
    return rowCount ?? 0;
  });
}
