import type { Sql } from '../../../base/db/index.ts';
import type { Finding } from '../../../books/finding/index.ts';

const MOST = 'LIMIT 100';

/**
 * Bytes of slots that no block holds which were never sent, or sent for so long and taken by no node. An attempt
 * of a slot of which another one was taken is none: the slot is on its way.
 */
export async function checkSent(sql: Sql, stuckAfterMs: number): Promise<Finding[]> {
  const { rows } = await sql.query<Omit<Finding, 'kind'> & { sends: number }>(
    `SELECT a.attempt_id::text AS subject, a.tenant_id AS "tenantId", a.sends, jsonb_build_object('txId', a.tx_id,
       'txHash', '0x' || encode(a.tx_hash, 'hex'), 'since', a.created_at, 'sends', a.sends, 'lastAnswer', a.last_answer) AS detail
     FROM lane l JOIN lane_progress p USING (lane_id)
     JOIN attempt a ON a.lane_id = l.lane_id AND a.nonce >= p.mined_nonce
     WHERE a.created_at < now() - $1 * interval '1 millisecond' AND NOT EXISTS (
       SELECT 1 FROM attempt x WHERE x.lane_id = a.lane_id AND x.nonce = a.nonce AND x.accepted_at IS NOT NULL)
     ORDER BY a.created_at ${MOST}`,
    [stuckAfterMs],
  );
  return rows.map(({ sends, ...row }) => ({
    kind: sends === 0 ? 'check.never_sent' : 'check.never_accepted',
    ...row,
  }));
}
