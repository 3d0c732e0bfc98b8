import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../base/kernel/index.ts';
import { WAKE_SIGNER } from './topics.ts';

type Fees = {
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  txType: 0 | 2;
};

export type NewSlot = Fees & {
  txId: string;
  laneId: number;
  chainId: number;
  from: Address;
  nonce: bigint;
  effectDigest: Hex;
  gasReserved: bigint;
  laneEpoch: bigint;
};

/**
 * Writes slots and the order to sign their effect, in the caller's transaction, which holds the lane's
 * row. The unique (chain, from, nonce) and the unique tx are what makes a payment single.
 */
export async function insertSlots(sql: Sql, slots: readonly NewSlot[]): Promise<void> {
  if (slots.length === 0) return;
  await sql.query({
    name: 'slot_insert',
    text: `
      WITH s AS MATERIALIZED (
        SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bytea[], $5::uuid[], $6::bytea[],
          $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::bigint[], $12::smallint[])
          AS u(lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved, gas_limit,
            max_fee_per_gas, max_priority_fee_per_gas, lane_epoch, tx_type)
      ), slot AS (
        INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
        SELECT lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved FROM s
      )
      INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, tx_type, gas_limit, max_fee_per_gas,
        max_priority_fee_per_gas, lane_epoch)
      SELECT lane_id, nonce, 1, tx_id, 'effect', tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, lane_epoch
      FROM s ORDER BY lane_id, nonce`,
    values: [
      slots.map((slot) => slot.laneId),
      slots.map((slot) => slot.nonce),
      slots.map((slot) => slot.chainId),
      slots.map((slot) => fromHex(slot.from)),
      slots.map((slot) => slot.txId),
      slots.map((slot) => fromHex(slot.effectDigest)),
      slots.map((slot) => slot.gasReserved),
      slots.map((slot) => slot.gasLimit),
      slots.map((slot) => slot.maxFeePerGas),
      slots.map((slot) => slot.maxPriorityFeePerGas),
      slots.map((slot) => slot.laneEpoch),
      slots.map((slot) => slot.txType),
    ],
  });
  await sql.query(`SELECT pg_notify('${WAKE_SIGNER}', '')`);
}

/** Says why transactions wait; null: they do not wait any more. Returns the ids where the reason changed. */
export async function setWaiting(
  sql: Sql,
  items: readonly { txId: string; reason: string | null; detail: string | null }[],
): Promise<Set<string>> {
  if (items.length === 0) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'tx_waiting',
    text: `UPDATE tx t SET waiting = u.reason, waiting_detail = u.detail, updated_at = now()
      FROM unnest($1::uuid[], $2::text[], $3::text[]) AS u(tx_id, reason, detail)
      WHERE t.tx_id = u.tx_id AND (t.waiting, t.waiting_detail) IS DISTINCT FROM (u.reason, u.detail)
      RETURNING t.tx_id`,
    values: [
      items.map((item) => item.txId),
      items.map((item) => item.reason),
      items.map((item) => item.detail),
    ],
  });
  return new Set(rows.map((row) => row.tx_id));
}
