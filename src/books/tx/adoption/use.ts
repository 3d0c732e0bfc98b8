import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';

/** What of a lane is not settled, as of now; nothing is locked. */
export type LaneUse = {
  /** Slots with a nonce that the chain has not consumed. */
  inFlight: number;
  /** Nonces between what the chain has consumed and the next one that have no slot, ascending. */
  gaps: bigint[];
  /** Consumed slots whose tx has not ended, or ended unpaid and its amount is not back on the lane. */
  unsettled: number;
  /** Final Transfer logs to the lane that are not booked. */
  arriving: number;
  /** Foreign transactions that nobody has adopted, ascending by nonce. `paid`: what two persons decided, null: nothing. */
  foreign: {
    nonce: bigint;
    txHash: Hex;
    blockNumber: number;
    paysIntent: boolean;
    paid: boolean | null;
    did: unknown;
  }[];
};

const MOST_GAPS = 64;

export async function readLaneUse(sql: Sql, laneId: number, consumed: bigint): Promise<LaneUse> {
  const { rows } = await sql.query<
    Pick<LaneUse, 'inFlight' | 'unsettled' | 'arriving'> & { gaps: string[] | null }
  >(
    `SELECT
       (SELECT count(*)::int FROM arrival WHERE lane_id = $1 AND transfer_id IS NULL) AS arriving,
       (SELECT count(*)::int FROM nonce_slot s WHERE s.lane_id = $1 AND s.nonce >= $2) AS "inFlight",
       (SELECT array_agg(n ORDER BY n) FROM (
         SELECT n FROM lane l, generate_series($2::bigint, l.next_nonce - 1) AS n
         WHERE l.lane_id = $1 AND NOT EXISTS (SELECT 1 FROM nonce_slot s WHERE s.lane_id = $1 AND s.nonce = n)
         ORDER BY n LIMIT $3) g) AS gaps,
       (SELECT count(*)::int FROM nonce_slot s JOIN tx t USING (tx_id)
         WHERE s.lane_id = $1 AND s.nonce < $2 AND (t.status NOT IN ('FINAL', 'REVERTED', 'REPLACED', 'CANCELLED')
           OR (t.status <> 'FINAL' AND EXISTS (SELECT 1 FROM reserve r LEFT JOIN reserve_resolution x USING (withdrawal_id, generation)
             WHERE r.withdrawal_id = t.owner_id AND x.withdrawal_id IS NULL)))) AS unsettled`,
    [laneId, consumed, MOST_GAPS],
  );
  const foreign = await sql.query<
    Omit<LaneUse['foreign'][number], 'blockNumber'> & { blockNumber: bigint }
  >({
    types: HEX_BYTES,
    text: `SELECT f.nonce, f.tx_hash AS "txHash", f.block_number AS "blockNumber", f.pays_intent AS "paysIntent", f.paid, f.did
      FROM foreign_inclusion f
      JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
      WHERE f.lane_id = $1 AND f.adopted_at IS NULL ORDER BY f.nonce`,
    values: [laneId],
  });
  const { inFlight, gaps, unsettled, arriving } = rows[0]!;
  return {
    inFlight,
    gaps: (gaps ?? []).map(BigInt),
    unsettled,
    arriving,
    foreign: foreign.rows.map((row) => ({ ...row, blockNumber: Number(row.blockNumber) })),
  };
}

/**
 * Opens a lane at the nonce that the chain has come to and marks what others did on it as adopted, in the
 * caller's transaction. What a reorg took back is not there to be adopted: its branch may come again.
 * False, and nothing done: it is open, or its nonces moved since they were observed.
 */
export async function reopenLane(
  sql: Sql,
  lane: { laneId: number; pausedReason: string | null; nextNonce: bigint; minedNonce: bigint },
  consumed: bigint,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE lane l SET next_nonce = greatest(l.next_nonce, $5), paused_reason = NULL, paused_at = NULL,
       paused_by = NULL, paused_note = NULL
     FROM lane_progress p
     WHERE l.lane_id = $1 AND p.lane_id = l.lane_id AND l.paused_reason = $2 AND l.next_nonce = $3
       AND p.mined_nonce = $4`,
    [lane.laneId, lane.pausedReason, lane.nextNonce, lane.minedNonce, consumed],
  );
  if (rowCount === 0) return false;
  await sql.query(
    `UPDATE foreign_inclusion f SET adopted_at = now() FROM block b
     WHERE f.lane_id = $1 AND f.adopted_at IS NULL
       AND b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash`,
    [lane.laneId],
  );
  return true;
}
