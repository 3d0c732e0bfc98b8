import type { Sql } from '../../../base/db/index.ts';

/**
 * Wei of the native coin that our own transactions brought to a lane in the blocks (above, upTo] of the canonical
 * chain: top-ups, and sweeps to a treasury lane. The books have them as FUND out of in_transit once they
 * are final, so whoever books what arrived on a lane by the difference of its balance takes this off first.
 */
export async function nativeSentTo(
  sql: Sql,
  laneId: number,
  blocks: { above: number; upTo: number },
): Promise<bigint> {
  const { rows } = await sql.query<{ wei: bigint }>({
    name: 'tx_native_sent_to',
    text: `
      SELECT coalesce(sum(t.amount), 0) AS wei
      FROM lane l
      JOIN inclusion i ON i.chain_id = l.chain_id AND i.block_number > $2 AND i.block_number <= $3
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      JOIN attempt a ON a.attempt_id = i.attempt_id
      JOIN tx t ON t.tx_id = a.tx_id
      WHERE l.lane_id = $1 AND a.kind = 'effect' AND i.succeeded AND i.effect_ok
        AND t.token IS NULL AND t.recipient = l.address`,
    values: [laneId, blocks.above, blocks.upTo],
  });
  return rows[0]!.wei;
}
