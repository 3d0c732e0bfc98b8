import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../../base/kernel/index.ts';
import { requestGas } from './stretches.ts';

type ExpectedArrival = {
  ownerId: string;
  laneId: number;
  asset: string;
  sender: Address;
  amount: bigint;
};

/**
 * Writes down what will arrive on lanes by somebody's order to pay: until its end is known, an arrival that looks like it is
 * not booked as anything else.
 */
export async function expectArrivals(
  sql: Sql,
  expected: readonly ExpectedArrival[],
): Promise<void> {
  if (expected.length === 0) return;
  await sql.query({
    name: 'arrival_expect',
    text: `INSERT INTO expected_arrival (owner_id, lane_id, asset, sender, amount)
      SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bytea[], $5::numeric[])`,
    values: [
      expected.map(({ ownerId }) => ownerId),
      expected.map(({ laneId }) => laneId),
      expected.map(({ asset }) => asset),
      expected.map(({ sender }) => fromHex(sender)),
      expected.map(({ amount }) => amount),
    ],
  });
}

/** By which final transactions they came, or (null) that they will not; what waited for that word is booked now. */
export async function endExpectations(
  sql: Sql,
  ended: readonly { ownerId: string; tenantId: string; txHash: Hex | null }[],
): Promise<void> {
  if (ended.length === 0) return;
  const { rows } = await sql.query<{ laneId: number; ownerId: string }>({
    name: 'arrival_expectation_end',
    types: HEX_BYTES,
    text: `UPDATE expected_arrival e SET tx_hash = u.tx_hash, lapsed_at = CASE WHEN u.tx_hash IS NULL THEN now() END
      FROM unnest($1::uuid[], $2::bytea[]) AS u(owner_id, tx_hash)
      WHERE e.owner_id = u.owner_id AND e.tx_hash IS NULL AND e.lapsed_at IS NULL
      RETURNING e.lane_id AS "laneId", e.owner_id AS "ownerId"`,
    values: [
      ended.map(({ ownerId }) => ownerId),
      ended.map(({ txHash }) => txHash && fromHex(txHash)),
    ],
  });
  const tenantOf = new Map(ended.map(({ ownerId, tenantId }) => [ownerId, tenantId]));
  await requestGas(
    sql,
    rows.map(({ laneId, ownerId }) => ({ laneId, tenantId: tenantOf.get(ownerId)! })),
  );
}

/** Says by which transfers expected arrivals are booked. Returns how many were not booked before. */
export async function setExpectedBooked(
  sql: Sql,
  booked: readonly { ownerId: string; transferId: string }[],
): Promise<number> {
  if (booked.length === 0) return 0;
  const { rowCount } = await sql.query({
    name: 'arrival_expected_booked',
    text: `UPDATE expected_arrival e SET transfer_id = u.transfer_id
      FROM unnest($1::uuid[], $2::uuid[]) AS u(owner_id, transfer_id)
      WHERE e.owner_id = u.owner_id AND e.transfer_id IS NULL`,
    values: [booked.map(({ ownerId }) => ownerId), booked.map(({ transferId }) => transferId)],
  });
  return rowCount ?? 0;
}
