import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../../base/kernel/index.ts';

export type NewArrival = {
  txHash: Hex;
  logIndex: number;
  laneId: number;
  asset: string;
  amount: bigint;
  sender: Address;
  blockNumber: number;
};

/**
 * Writes down what arrived in blocks that become final, of lanes whose adoption was before: what they held then is in
 * their books already. One that is known is left alone. Returns the lanes of what is new.
 */
export async function insertArrivals(
  sql: Sql,
  chainId: number,
  arrivals: readonly NewArrival[],
): Promise<{ laneId: number; tenantId: string }[]> {
  if (arrivals.length === 0) return [];
  const { rows } = await sql.query<{ laneId: number; tenantId: string }>({
    name: 'arrival_insert',
    text: `
      WITH made AS (
        INSERT INTO arrival (chain_id, tx_hash, log_index, lane_id, asset, amount, sender, block_number)
        SELECT $1, u.tx_hash, u.log_index, u.lane_id, u.asset, u.amount, u.sender, u.block_number
        FROM unnest($2::bytea[], $3::int[], $4::int[], $5::text[], $6::numeric[], $7::bytea[], $8::bigint[])
          AS u(tx_hash, log_index, lane_id, asset, amount, sender, block_number)
        JOIN lane_stretch s ON s.lane_id = u.lane_id AND s.above_block IS NULL AND s.up_to_block < u.block_number
        ON CONFLICT DO NOTHING RETURNING lane_id
      )
      SELECT DISTINCT l.lane_id AS "laneId", l.tenant_id AS "tenantId" FROM made JOIN lane l USING (lane_id)`,
    values: [
      chainId,
      arrivals.map((arrival) => fromHex(arrival.txHash)),
      arrivals.map((arrival) => arrival.logIndex),
      arrivals.map((arrival) => arrival.laneId),
      arrivals.map((arrival) => arrival.asset),
      arrivals.map((arrival) => arrival.amount),
      arrivals.map((arrival) => fromHex(arrival.sender)),
      arrivals.map((arrival) => arrival.blockNumber),
    ],
  });
  return rows;
}

/** A final Transfer log to a lane that is not booked. */
export type OpenArrival = {
  /** Whose order to pay brought it; null: nobody's that we know of. */
  expectedBy: string | null;
  tenantId: string;
  laneId: number;
  chainId: number;
  address: Address;
  asset: string;
  amount: bigint;
  txHash: Hex;
  logIndex: number;
};

/**
 * What can be booked, and what of it was expected. Equal ones of one transaction are told apart by nothing but their
 * number. One that may be what somebody is about to pay waits until that has ended.
 */
export async function readOpenArrivals(
  sql: Sql,
  laneIds: readonly number[],
  limit: number,
): Promise<OpenArrival[]> {
  const { rows } = await sql.query<Omit<OpenArrival, 'chainId'> & { chainId: bigint }>({
    name: 'arrival_open',
    types: HEX_BYTES,
    text: `
      WITH came AS (
        SELECT *, row_number() OVER (PARTITION BY tx_hash, lane_id, asset, sender, amount ORDER BY log_index) AS nth
        FROM arrival WHERE lane_id = ANY($1::int[]) AND transfer_id IS NULL
      ), due AS (
        SELECT *, row_number() OVER (PARTITION BY tx_hash, lane_id, asset, sender, amount ORDER BY owner_id) AS nth
        FROM expected_arrival WHERE lane_id = ANY($1::int[]) AND transfer_id IS NULL AND tx_hash IS NOT NULL
          AND lapsed_at IS NULL
      )
      SELECT l.tenant_id AS "tenantId", l.lane_id AS "laneId", l.chain_id AS "chainId", l.address, a.asset, a.amount,
        a.tx_hash AS "txHash", a.log_index AS "logIndex", d.owner_id AS "expectedBy"
      FROM came a JOIN lane l USING (lane_id)
      LEFT JOIN due d ON d.tx_hash = a.tx_hash AND d.lane_id = a.lane_id AND d.asset = a.asset
        AND d.sender = a.sender AND d.amount = a.amount AND d.nth = a.nth
      WHERE d.owner_id IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM expected_arrival e WHERE e.lane_id = a.lane_id AND e.asset = a.asset AND e.sender = a.sender
          AND e.amount = a.amount AND e.tx_hash IS NULL AND e.lapsed_at IS NULL AND e.transfer_id IS NULL
          AND e.expected_at <= a.seen_at)
      ORDER BY a.lane_id, a.block_number LIMIT $2`,
    values: [laneIds, limit],
  });
  return rows.map((row) => ({ ...row, chainId: Number(row.chainId) }));
}

/** Says by which transfers arrivals are booked. Returns how many were not booked before. */
export async function setArrivalsBooked(
  sql: Sql,
  booked: readonly (Pick<OpenArrival, 'chainId' | 'txHash' | 'logIndex'> & {
    transferId: string;
  })[],
): Promise<number> {
  if (booked.length === 0) return 0;
  const { rowCount } = await sql.query({
    name: 'arrival_booked',
    text: `
      UPDATE arrival a SET transfer_id = u.transfer_id
      FROM unnest($1::bigint[], $2::bytea[], $3::int[], $4::uuid[]) AS u(chain_id, tx_hash, log_index, transfer_id)
      WHERE a.tx_hash = u.tx_hash AND a.log_index = u.log_index AND a.chain_id = u.chain_id AND a.transfer_id IS NULL`,
    values: [
      booked.map((arrival) => arrival.chainId),
      booked.map((arrival) => fromHex(arrival.txHash)),
      booked.map((arrival) => arrival.logIndex),
      booked.map((arrival) => arrival.transferId),
    ],
  });
  return rowCount ?? 0;
}
