import type { Sql } from '../../../base/db/index.ts';
import { WAKE_SIGNER } from '../topics.ts';
import type { SlotBids } from './bids.ts';

export type Replacement = {
  /** What it was decided by. */
  slot: SlotBids;
  kind: 'effect' | 'filler';
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  /** EIP-2718's. */
  txType: 0 | 2;
  /** What the slot has set aside from now on; never less than before. */
  gasReserved: bigint;
  /** Why the slot is closed; null for an effect. */
  fillReason: string | null;
  wishId: string | null;
};

/**
 * Orders further attempts of slots from the signer, in the caller's transaction, which holds the lanes'
 * accounts: for slots that are as they were decided by, open (or never signed, with no more set aside), and on a lane
 * that `owner` leases. Returns the tx ids ordered for; the caller books what their reserves rose by. A filler
 * withdraws orders of the effect that nobody claimed.
 *
 * Locks slots, and beside them the progress of their lanes: while this act is open no block of ours can consume
 * them, so the gas of a slot is never booked with another reserve than it then has.
 */
export async function orderReplacements(
  sql: Sql,
  owner: string,
  replacements: readonly Replacement[],
): Promise<Set<string>> {
  if (replacements.length === 0) return new Set();
  const epochs = await lockUnchanged(sql, owner, replacements);
  const ordering = replacements.filter(({ slot }) => epochs.has(slot.txId));
  if (ordering.length === 0) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'slot_replace',
    text: `
      WITH o AS MATERIALIZED (
        SELECT s.lane_id, s.nonce, u.* FROM unnest($1::uuid[], $2::int[], $3::text[], $4::numeric[],
          $5::numeric[], $6::numeric[], $7::numeric[], $8::text[], $9::uuid[], $10::bigint[], $11::smallint[])
          AS u(tx_id, ordinal, kind, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, gas_reserved,
            fill_reason, speed_up_id, lane_epoch, tx_type)
        JOIN nonce_slot s USING (tx_id)
        WHERE u.ordinal = (SELECT max(ordinal) FROM signature_request r
          WHERE r.lane_id = s.lane_id AND r.nonce = s.nonce)
      ), slot AS (
        UPDATE nonce_slot s SET gas_reserved = o.gas_reserved, fill_reason = coalesce(s.fill_reason, o.fill_reason)
        FROM o WHERE s.tx_id = o.tx_id
      ), withdrawn AS (
        UPDATE signature_request r SET cancelled_at = now() FROM o
        WHERE o.kind = 'filler' AND r.lane_id = o.lane_id AND r.nonce = o.nonce AND r.kind = 'effect'
          AND r.claimed_at IS NULL AND r.cancelled_at IS NULL
      ), made AS (
        INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, tx_type, gas_limit, max_fee_per_gas,
          max_priority_fee_per_gas, lane_epoch)
        SELECT lane_id, nonce, ordinal + 1, tx_id, kind, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas,
          lane_epoch FROM o ORDER BY lane_id, nonce
        RETURNING signature_request_id, tx_id
      ), met AS (
        UPDATE speed_up w SET done_at = now(), signature_request_id = made.signature_request_id
        FROM made JOIN o USING (tx_id) WHERE w.speed_up_id = o.speed_up_id
      )
      SELECT tx_id FROM made`,
    values: [
      ordering.map(({ slot }) => slot.txId),
      ordering.map(({ slot }) => slot.ordinal),
      ordering.map(({ kind }) => kind),
      ordering.map(({ gasLimit }) => gasLimit),
      ordering.map(({ maxFeePerGas }) => maxFeePerGas),
      ordering.map(({ maxPriorityFeePerGas }) => maxPriorityFeePerGas),
      ordering.map(({ gasReserved }) => gasReserved),
      ordering.map(({ fillReason }) => fillReason),
      ordering.map(({ wishId }) => wishId),
      ordering.map(({ slot }) => epochs.get(slot.txId)!),
      ordering.map(({ txType }) => txType),
    ],
  });
  if (rows.length > 0) await sql.query(`SELECT pg_notify('${WAKE_SIGNER}', '')`);
  return new Set(rows.map((row) => row.tx_id));
}

/** Locks slots by lane and nonce, and returns the lane's epoch for each that is as it was. */
async function lockUnchanged(
  sql: Sql,
  owner: string,
  replacements: readonly Replacement[],
): Promise<Map<string, bigint>> {
  const { rows } = await sql.query<{ tx_id: string; epoch: bigint }>({
    name: 'slot_lock_unchanged',
    text: `
      SELECT s.tx_id, l.epoch
      FROM unnest($2::uuid[], $3::numeric[], $4::text[], $5::numeric[])
        AS o(tx_id, gas_reserved, fill_reason, gas_wanted)
      JOIN nonce_slot s ON s.tx_id = o.tx_id
      JOIN tx t ON t.tx_id = s.tx_id
      JOIN lane l ON l.lane_id = s.lane_id
      JOIN lane_progress p ON p.lane_id = s.lane_id
      WHERE l.lease_owner = $1 AND l.lease_until > clock_timestamp()
        AND (s.nonce >= greatest(p.mined_nonce, p.final_nonce) OR t.status = 'SLOTTED' AND o.gas_wanted = s.gas_reserved)
        AND s.gas_reserved = o.gas_reserved AND s.fill_reason IS NOT DISTINCT FROM o.fill_reason
      ORDER BY s.lane_id, s.nonce FOR UPDATE OF s FOR SHARE OF p`,
    values: [
      owner,
      replacements.map(({ slot }) => slot.txId),
      replacements.map(({ slot }) => slot.gasReserved),
      replacements.map(({ slot }) => slot.fillReason),
      replacements.map(({ gasReserved }) => gasReserved),
    ],
  });
  return new Map(rows.map((row) => [row.tx_id, row.epoch]));
}
