import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Address, Hex } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { laneSubject, TX_TOPICS } from '../topics.ts';

/** A lane from the end of its last stretch to a final block: what is known of it without asking the chain. Wei. */
export type OpenStretch = {
  tenantId: string;
  laneId: number;
  chainId: number;
  address: Address;
  aboveBlock: number;
  upToBlock: number;
  fromNonce: bigint;
  toNonce: bigint;
  /** What the lane held when it began. */
  opening: bigint;
  /** Set aside for the gas of its slots. */
  gasReserved: bigint;
  /** Between these the gas of its transactions lies: 21,000 and each one's limit, at the price of its block. */
  gasLeast: bigint;
  gasMost: bigint;
  /** Native amounts that its transactions paid. */
  sent: bigint;
  /** Native amounts that other wallets of its tenant sent it by our transactions. */
  received: bigint;
};

type Raw = Omit<OpenStretch, 'chainId' | 'aboveBlock' | 'upToBlock'> &
  Record<'chainId' | 'aboveBlock' | 'upToBlock', bigint>;

/**
 * Native amounts that effects between own wallets brought to a lane in the blocks (above, upTo], by SQL terms. What was
 * final before a declared reorg took it back was received then.
 */
const receivedSql = (lane: string, above: string, upTo: string) => `
  SELECT coalesce(sum(t.amount), 0) FROM inclusion i
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN attempt a USING (attempt_id) JOIN tx t ON t.tx_id = a.tx_id
  WHERE i.to_lane = ${lane} AND i.block_number > ${above} AND i.block_number <= ${upTo}
    AND i.succeeded AND t.token IS NULL AND NOT (t.reorgs > 0 AND t.furthest_level = 'finalized')`;

/**
 * The open stretches of lanes, up to the finalized block or the one given. Slots become final in the order of
 * their nonces; one whose nonce somebody else used has its reserve in the sum and nothing else. None goes past a use of
 * which two persons have not decided what it paid.
 */
export async function readOpenStretches(
  sql: Sql,
  laneIds: readonly number[],
  upToBlock: number | null = null,
): Promise<OpenStretch[]> {
  const { rows } = await sql.query<Raw>({
    name: 'lane_stretch_open',
    types: HEX_BYTES,
    text: `
      SELECT l.tenant_id AS "tenantId", l.lane_id AS "laneId", l.chain_id AS "chainId", l.address,
        last.up_to_block AS "aboveBlock", until.height AS "upToBlock", last.to_nonce AS "fromNonce",
        coalesce(m.top + 1, last.to_nonce) AS "toNonce", last.native_balance AS opening,
        coalesce(m.reserved, 0) AS "gasReserved", coalesce(m.least, 0) AS "gasLeast",
        coalesce(m.most, 0) AS "gasMost", coalesce(m.sent, 0) AS sent,
        (${receivedSql('l.lane_id', 'last.up_to_block', 'until.height')}) AS received
      FROM lane l
      JOIN chain_head h USING (chain_id)
      JOIN lane_progress p USING (lane_id)
      CROSS JOIN LATERAL (SELECT up_to_block, to_nonce, native_balance FROM lane_stretch
        WHERE lane_id = l.lane_id ORDER BY up_to_block DESC LIMIT 1) last
      CROSS JOIN LATERAL (SELECT least(h.finalized, $2::bigint) AS height) until
      CROSS JOIN LATERAL (SELECT least(p.final_nonce, min(f.nonce)) AS nonce FROM foreign_inclusion f
        JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
        JOIN nonce_slot s ON s.lane_id = f.lane_id AND s.nonce = f.nonce
        JOIN tx t ON t.tx_id = s.tx_id AND t.status IN ('SLOTTED', 'SIGNED', 'BROADCASTED', 'INCLUDED')
        WHERE f.lane_id = l.lane_id AND f.nonce >= last.to_nonce AND f.pays_intent AND f.paid IS NULL) known
      CROSS JOIN LATERAL (
        SELECT max(top) AS top, sum(gas_reserved) AS reserved, sum(least) AS least, sum(most) AS most, sum(sent) AS sent
        FROM (
          SELECT s.nonce, s.gas_reserved, i.least, i.most, i.sent,
            max(s.nonce) FILTER (WHERE i.least IS NOT NULL) OVER () AS top
          FROM nonce_slot s
          LEFT JOIN LATERAL (
            SELECT coalesce(i.gas_used * i.effective_gas_price, 21000 * price) AS least,
              coalesce(i.gas_used * i.effective_gas_price, r.gas_limit * price) AS most,
              CASE WHEN a.kind = 'effect' AND t.token IS NULL AND i.succeeded THEN t.amount END AS sent
            FROM attempt a
            JOIN inclusion i USING (attempt_id)
            JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
            JOIN signature_request r ON r.signature_request_id = a.attempt_id
            JOIN tx t ON t.tx_id = a.tx_id
            CROSS JOIN LATERAL (SELECT least(a.max_fee_per_gas, b.base_fee_per_gas + a.max_priority_fee_per_gas) AS price) f
            WHERE a.lane_id = s.lane_id AND a.nonce = s.nonce AND i.block_number <= until.height
            -- A nonce that another used cost its slot nothing; it sent what two persons took for its payment.
            UNION ALL
            SELECT 0, 0, CASE WHEN f.paid AND t.token IS NULL THEN t.amount END FROM foreign_inclusion f
            JOIN tx t ON t.tx_id = s.tx_id
            JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
            WHERE f.lane_id = s.lane_id AND f.nonce = s.nonce AND f.block_number <= until.height
            LIMIT 1
          ) i ON true
          WHERE s.lane_id = l.lane_id AND s.nonce >= last.to_nonce AND s.nonce < known.nonce
        ) mined WHERE nonce <= top
      ) m
      WHERE l.lane_id = ANY($1::int[]) AND until.height > last.up_to_block ORDER BY l.lane_id`,
    values: [laneIds, upToBlock],
  });
  return rows.map((row) => ({
    ...row,
    chainId: Number(row.chainId),
    aboveBlock: Number(row.aboveBlock),
    upToBlock: Number(row.upToBlock),
  }));
}

/** The canonical transactions of a stretch, in the order of their nonces. */
export async function readStretchTransactions(
  sql: Sql,
  stretch: OpenStretch,
  limit: number | null,
): Promise<{ txHash: Hex; blockNumber: number; blockHash: Hex }[]> {
  const { rows } = await sql.query<{ txHash: Hex; blockNumber: bigint; blockHash: Hex }>({
    name: 'lane_stretch_txs',
    types: HEX_BYTES,
    text: `
      SELECT a.tx_hash AS "txHash", i.block_number AS "blockNumber", i.block_hash AS "blockHash"
      FROM attempt a
      JOIN inclusion i USING (attempt_id)
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      WHERE a.lane_id = $1 AND a.nonce >= $2 AND a.nonce < $3 AND i.block_number <= $4
      ORDER BY a.nonce LIMIT $5`,
    values: [stretch.laneId, stretch.fromNonce, stretch.toNonce, stretch.upToBlock, limit],
  });
  return rows.map((row) => ({ ...row, blockNumber: Number(row.blockNumber) }));
}

export type BookedStretch = OpenStretch & {
  gasCost: bigint;
  gasBy: 'balance' | 'receipts';
  gasTransferId: string | null;
  /** Below zero: it left, and no transaction of ours says why. */
  arrived: bigint;
  arrivalTransferId: string | null;
};

/** Writes stretches; one that does not begin where the lane's last one ended is an error of the database. */
export async function insertStretches(
  sql: Sql,
  stretches: readonly BookedStretch[],
): Promise<void> {
  if (stretches.length === 0) return;
  await sql.query({
    name: 'lane_stretch_insert',
    text: `
      INSERT INTO lane_stretch (lane_id, above_block, up_to_block, from_nonce, to_nonce, gas_reserved, gas_cost,
        gas_by, gas_transfer_id, sent, received, arrived, arrival_transfer_id, native_balance)
      SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::numeric[], $7::numeric[],
        $8::text[], $9::uuid[], $10::numeric[], $11::numeric[], $12::numeric[], $13::uuid[], $14::numeric[])`,
    values: [
      stretches.map((stretch) => stretch.laneId),
      stretches.map((stretch) => stretch.aboveBlock),
      stretches.map((stretch) => stretch.upToBlock),
      stretches.map((stretch) => stretch.fromNonce),
      stretches.map((stretch) => stretch.toNonce),
      stretches.map((stretch) => stretch.gasReserved),
      stretches.map((stretch) => stretch.gasCost),
      stretches.map((stretch) => stretch.gasBy),
      stretches.map((stretch) => stretch.gasTransferId),
      stretches.map((stretch) => stretch.sent),
      stretches.map((stretch) => stretch.received),
      stretches.map((stretch) => stretch.arrived),
      stretches.map((stretch) => stretch.arrivalTransferId),
      stretches.map(
        ({ opening, sent, received, gasCost, arrived }) =>
          opening - sent + received - gasCost + arrived,
      ),
    ],
  });
}

/** What a lane's books begin with: what it held of the native coin at a block, at its first nonce. */
export async function insertAdoption(
  sql: Sql,
  lane: { laneId: number; atBlock: number; nativeBalance: bigint },
): Promise<void> {
  await sql.query(
    `INSERT INTO lane_stretch (lane_id, up_to_block, from_nonce, to_nonce, native_balance)
     SELECT lane_id, $2, first_nonce, first_nonce, $3 FROM lane WHERE lane_id = $1`,
    [lane.laneId, lane.atBlock, lane.nativeBalance],
  );
}

/**
 * The stretch that ends with a lane's adoption after others used it; `difference` from what its last one ended with is
 * booked by the adoption itself. False, and nothing written: the last one ends at that block already, and does not say the same.
 */
export async function insertAdoptedStretch(
  sql: Sql,
  adopted: {
    laneId: number;
    atBlock: number;
    toNonce: bigint;
    nativeBalance: bigint;
    difference: bigint;
    transferId: string | null;
  },
): Promise<boolean> {
  const { laneId, atBlock, toNonce, nativeBalance, difference, transferId } = adopted;
  const { rows } = await sql.query<{ ends: bigint | null; same: boolean }>(
    `SELECT up_to_block AS ends, up_to_block = $2 AND to_nonce = $3 AND native_balance = $4 AS same
     FROM lane_stretch WHERE lane_id = $1 ORDER BY up_to_block DESC LIMIT 1`,
    [laneId, atBlock, toNonce, nativeBalance],
  );
  const [last] = rows;
  if (last === undefined) {
    await insertAdoption(sql, { laneId, atBlock, nativeBalance });
    return true;
  }
  if (last.same) return difference === 0n;
  const { rowCount } = await sql.query(
    `INSERT INTO lane_stretch (lane_id, above_block, up_to_block, from_nonce, to_nonce, gas_by, received, arrived,
       arrival_transfer_id, native_balance)
     SELECT lane_id, up_to_block, $2, to_nonce, $3, 'receipts', (${receivedSql('$1', 'up_to_block', '$2')}), $4, $5, $6
     FROM lane_stretch WHERE lane_id = $1 AND up_to_block = $7 AND up_to_block < $2`,
    [laneId, atBlock, toNonce, difference, transferId, nativeBalance, last.ends],
  );
  return rowCount === 1;
}

/** Asks for the open stretches of lanes to be booked, in the caller's transaction. */
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
