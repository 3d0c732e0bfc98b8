import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Address } from '../../../base/kernel/index.ts';

/** A slot with what was bid for it so far: what a further attempt is decided by. */
export type SlotBids = {
  txId: string;
  tenantId: string;
  correlationId: string;
  chainId: number;
  laneId: number;
  from: Address;
  nonce: bigint;
  gasReserved: bigint;
  fillReason: string | null;
  failureCode: string | null;
  /** Its tx ended unpaid, and a declared reorg may have taken that back: its owner has its reserve again. */
  endedUnpaid: boolean;
  /** Of its newest request. */
  ordinal: number;
  /** The dearest of what was signed or still may be, wei a gas; 0: nothing. */
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  /** Of its effect. */
  gasLimit: bigint;
  /** A filler was ordered and not refused. */
  filling: boolean;
  /** Ordered and not answered, or answered and not taken in. */
  pending: boolean;
  /** Its newest attempt was sent. */
  sent: boolean;
  /** Its nonce is consumed as far as we have walked, or was finally. */
  consumed: boolean;
  /** The lowest nonce of its lane that is not consumed. */
  atFront: boolean;
  /** A block passed it over that came `patienceMs` after its newest bid was sent and its lane last moved. */
  passedOver: boolean;
  /** The oldest open wish of a client that it bid more. */
  wishId: string | null;
  wishedFee: bigint | null;
};

type Raw = Omit<SlotBids, 'chainId'> & { chainId: bigint };

/** By lane and nonce. As the rows are now, no lock. */
export async function readBids(
  sql: Sql,
  txIds: readonly string[],
  patienceMs: number,
): Promise<SlotBids[]> {
  if (txIds.length === 0) return [];
  const { rows } = await sql.query<Raw>({
    name: 'slot_bids',
    types: HEX_BYTES,
    text: `
      SELECT s.tx_id AS "txId", t.tenant_id AS "tenantId", t.correlation_id AS "correlationId",
        s.chain_id AS "chainId", s.lane_id AS "laneId", s.from_address AS "from", s.nonce,
        s.gas_reserved AS "gasReserved", s.fill_reason AS "fillReason", t.failure_code AS "failureCode",
        t.status IN ('REVERTED', 'CANCELLED') OR t.status = 'REPLACED' AND t.failure_code IS NOT NULL AS "endedUnpaid",
        r.ordinal, r.max_fee AS "maxFeePerGas", r.max_priority_fee AS "maxPriorityFeePerGas",
        r.gas_limit AS "gasLimit", r.filling, r.pending, coalesce(a.sent, false) AS sent,
        s.nonce < greatest(p.mined_nonce, p.final_nonce) AS consumed, s.nonce = p.mined_nonce AS "atFront",
        h.advanced_at >= greatest(p.moved_at, r.asked_at, a.first_sent_at)
          + $2 * interval '1 millisecond' AS "passedOver",
        w.speed_up_id AS "wishId", w.max_fee_per_gas AS "wishedFee"
      FROM nonce_slot s
      JOIN tx t USING (tx_id)
      JOIN lane_progress p ON p.lane_id = s.lane_id
      JOIN chain_head h ON h.chain_id = s.chain_id
      CROSS JOIN LATERAL (
        SELECT max(q.ordinal) AS ordinal, max(q.created_at) AS asked_at,
          coalesce(max(q.max_fee_per_gas) FILTER (WHERE stands), 0) AS max_fee,
          coalesce(max(q.max_priority_fee_per_gas) FILTER (WHERE stands), 0) AS max_priority_fee,
          coalesce(max(q.gas_limit) FILTER (WHERE q.kind = 'effect'), 0) AS gas_limit,
          coalesce(bool_or(q.kind = 'filler') FILTER (WHERE stands), false) AS filling,
          coalesce(bool_or(g.collected_at IS NULL) FILTER (WHERE stands), false) AS pending
        FROM signature_request q LEFT JOIN signature g USING (signature_request_id)
        CROSS JOIN LATERAL (SELECT q.cancelled_at IS NULL AND g.refusal_code IS NULL AS stands) judged
        WHERE q.lane_id = s.lane_id AND q.nonce = s.nonce
      ) r
      LEFT JOIN LATERAL (
        SELECT first_sent_at IS NOT NULL AS sent, first_sent_at FROM attempt x
        WHERE x.lane_id = s.lane_id AND x.nonce = s.nonce ORDER BY x.ordinal DESC LIMIT 1
      ) a ON true
      LEFT JOIN LATERAL (
        SELECT speed_up_id, max_fee_per_gas FROM speed_up
        WHERE tx_id = s.tx_id AND done_at IS NULL ORDER BY speed_up_id LIMIT 1
      ) w ON true
      WHERE s.tx_id = ANY($1::uuid[]) ORDER BY s.lane_id, s.nonce`,
    values: [txIds, patienceMs],
  });
  return rows.map((row) => ({ ...row, chainId: Number(row.chainId) }));
}

/**
 * Transactions of these lanes that may have to bid more: the lowest open nonces of a lane that blocks pass
 * over, at most `perLane`, and those that a client wishes to. A lane that moves in time, or has no
 * slot as old as the patience, costs one look at its rows; wishes are few, and each looks its slot up by key
 * (OFFSET 0: joined, the planner read every slot that was ever given).
 */
export async function readPassedOver(
  sql: Sql,
  of: { chainId: number; laneIds: readonly number[]; patienceMs: number; perLane: number },
): Promise<string[]> {
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'slot_passed_over',
    // Where a nonce was used with the key elsewhere no bid of ours can ever be taken. Where the gas is booked, by a
    // final block that a declared reorg took back, nothing more can be set aside: the same bytes are sent again.
    text: `
      SELECT s.tx_id
      FROM lane l JOIN lane_progress p USING (lane_id) JOIN chain_head h ON h.chain_id = l.chain_id
      CROSS JOIN LATERAL (
        SELECT tx_id FROM nonce_slot WHERE lane_id = l.lane_id AND nonce >= p.mined_nonce
          AND nonce >= (SELECT to_nonce FROM lane_stretch
            WHERE lane_id = l.lane_id ORDER BY up_to_block DESC LIMIT 1)
          AND created_at <= h.advanced_at - $3 * interval '1 millisecond'
        ORDER BY nonce LIMIT $4
      ) s
      WHERE l.chain_id = $1 AND l.lane_id = ANY($2::int[]) AND p.mined_nonce < l.next_nonce
        AND l.paused_reason IS DISTINCT FROM 'foreign_nonce'
        AND p.moved_at <= h.advanced_at - $3 * interval '1 millisecond'
      UNION
      SELECT s.tx_id FROM speed_up w
      CROSS JOIN LATERAL (SELECT * FROM nonce_slot WHERE tx_id = w.tx_id OFFSET 0) s
      WHERE w.done_at IS NULL AND s.chain_id = $1 AND s.lane_id = ANY($2::int[])`,
    values: [of.chainId, of.laneIds, of.patienceMs, of.perLane],
  });
  return rows.map((row) => row.tx_id);
}
