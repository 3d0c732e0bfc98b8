import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { laneSubject, TX_TOPICS, WAKE_SIGNER } from './topics.ts';

type Fees = { gasLimit: bigint; maxFeePerGas: bigint; maxPriorityFeePerGas: bigint };

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
          $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::bigint[])
          AS u(lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved, gas_limit,
            max_fee_per_gas, max_priority_fee_per_gas, lane_epoch)
      ), slot AS (
        INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
        SELECT lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved FROM s
      )
      INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
        max_priority_fee_per_gas, lane_epoch)
      SELECT lane_id, nonce, 1, tx_id, 'effect', gas_limit, max_fee_per_gas, max_priority_fee_per_gas, lane_epoch
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
    ],
  });
  await sql.query(`SELECT pg_notify('${WAKE_SIGNER}', '')`);
}

/** Says why transactions wait; null: they do not wait any more. Returns the ids where the reason changed. */
export async function setWaiting(
  sql: Sql,
  items: readonly { txId: string; reason: string | null }[],
): Promise<Set<string>> {
  if (items.length === 0) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'tx_waiting',
    text: `UPDATE tx t SET waiting = u.reason, updated_at = now()
      FROM unnest($1::uuid[], $2::text[]) AS u(tx_id, reason)
      WHERE t.tx_id = u.tx_id AND t.waiting IS DISTINCT FROM u.reason RETURNING t.tx_id`,
    values: [items.map((item) => item.txId), items.map((item) => item.reason)],
  });
  return new Set(rows.map((row) => row.tx_id));
}

export type SlotGas = {
  tenantId: string;
  laneId: number;
  nonce: bigint;
  chainId: number;
  reserved: bigint;
  cost: bigint;
};

/**
 * What finalized slots of lanes cost, as far as it is not booked, at most `limit` a lane. Slots become final in
 * the order of their nonces, so what is unbooked begins behind the last one booked.
 */
export async function readSlotGas(
  sql: Sql,
  laneIds: readonly number[],
  limit: number,
): Promise<SlotGas[]> {
  const { rows } = await sql.query<Omit<SlotGas, 'chainId'> & { chainId: bigint }>({
    name: 'slot_gas_read',
    text: `
      SELECT l.tenant_id AS "tenantId", s.lane_id AS "laneId", s.nonce, s.chain_id AS "chainId",
        s.gas_reserved AS reserved, s.cost
      FROM lane l
      CROSS JOIN LATERAL (SELECT coalesce(max(nonce) + 1, l.first_nonce) AS next FROM slot_gas
        WHERE lane_id = l.lane_id) booked
      JOIN chain_head h ON h.chain_id = l.chain_id
      JOIN lane_progress p ON p.lane_id = l.lane_id
      CROSS JOIN LATERAL (
        SELECT s.*, i.gas_used * i.effective_gas_price AS cost
        FROM nonce_slot s
        CROSS JOIN LATERAL (
          SELECT i.gas_used, i.effective_gas_price FROM attempt a
          JOIN inclusion i USING (attempt_id)
          JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
          WHERE a.lane_id = s.lane_id AND a.nonce = s.nonce AND i.block_number <= h.finalized LIMIT 1
        ) i
        WHERE s.lane_id = l.lane_id AND s.nonce >= booked.next AND s.nonce < p.final_nonce
        ORDER BY s.nonce LIMIT $2
      ) s
      WHERE l.lane_id = ANY($1::int[]) ORDER BY s.lane_id, s.nonce`,
    values: [laneIds, limit],
  });
  return rows.map((row) => ({ ...row, chainId: Number(row.chainId) }));
}

/** Asks for the gas of lanes' finalized slots to be booked, in the caller's transaction. */
export async function requestGas(
  sql: Sql,
  of: readonly { laneId: number; tenantId: string }[],
): Promise<void> {
  const lanes = new Map(of.map(({ laneId, tenantId }) => [laneId, tenantId]));
  await enqueue(
    sql,
    [...lanes].map(([laneId, tenantId]) => ({
      topic: TX_TOPICS.gas,
      subjectId: laneSubject(laneId),
      tenantId,
    })),
  );
}

/** Marks slots as booked by a transfer; a slot booked twice is an error of the database. */
export async function insertSlotGas(
  sql: Sql,
  items: readonly (SlotGas & { transferId: string })[],
): Promise<void> {
  if (items.length === 0) return;
  await sql.query({
    name: 'slot_gas_insert',
    text: `INSERT INTO slot_gas (lane_id, nonce, transfer_id, gas_cost)
      SELECT * FROM unnest($1::int[], $2::bigint[], $3::uuid[], $4::numeric[])`,
    values: [
      items.map((item) => item.laneId),
      items.map((item) => item.nonce),
      items.map((item) => item.transferId),
      items.map((item) => item.cost),
    ],
  });
}
