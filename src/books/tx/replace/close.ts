import type { Sql } from '../../../base/db/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { TX_TOPICS } from '../topics.ts';

/**
 * Wishes that the slots of an owner's transaction be closed by their filler although their effect may be signed,
 * in the caller's transaction. Both stay in the race until the chain has decided. False, and nothing
 * done, when a block holds an attempt already, or there is no slot.
 */
export async function closeSlotOf(sql: Sql, ownerId: string, reason: string): Promise<boolean> {
  const { rows } = await sql.query<{ tx_id: string; tenant_id: string; correlation_id: string }>({
    name: 'slot_close',
    text: `
      UPDATE nonce_slot s SET fill_reason = $2 FROM tx t
      WHERE t.owner_id = $1 AND s.tx_id = t.tx_id
        AND t.status IN ('SLOTTED', 'SIGNED', 'BROADCASTED', 'INCLUDED')
        AND NOT EXISTS (SELECT FROM attempt a JOIN inclusion i USING (attempt_id)
          JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
          WHERE a.lane_id = s.lane_id AND a.nonce = s.nonce)
      RETURNING s.tx_id, t.tenant_id, t.correlation_id`,
    values: [ownerId, reason],
  });
  await enqueue(
    sql,
    rows.map((row) => ({
      topic: TX_TOPICS.fill,
      subjectId: row.tx_id,
      tenantId: row.tenant_id,
      trace: row.correlation_id,
    })),
  );
  return rows.length > 0;
}
