import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../../base/kernel/index.ts';

/** Rows of foreign_inclusion `f` that stand in the canonical chain. */
const CANONICAL = `foreign_inclusion f
  JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash`;

/** What the tx of a slot owes to somebody outside, from its lane. */
export type SlotIntent = {
  token: Address | null;
  recipient: Address;
  amount: bigint;
};

/** A consumed nonce of which no transaction is known. */
export type MissingNonce = {
  laneId: number;
  nonce: bigint;
  /** The transaction stands in this block or above it. */
  fromBlock: number;
  /**
   * Null: the nonce has no slot, or one whose tx asks no person what became of it. Whether a payer's authorization was
   * taken the chain says itself, and what moves between own wallets stays the tenant's.
   */
  intent: SlotIntent | null;
};

/**
 * Nonces below `consumed` that neither our inclusions nor known foreign ones account for, the highest first:
 * such a use is recent, and what lies below was accounted for before.
 */
export async function readMissingNonces(
  sql: Sql,
  laneId: number,
  consumed: bigint,
  limit: number,
): Promise<MissingNonce[]> {
  const { rows } = await sql.query<{
    nonce: bigint;
    from_block: bigint;
    token: Address | null;
    recipient: Address | null;
    amount: bigint | null;
  }>({
    name: 'foreign_missing',
    types: HEX_BYTES,
    text: `
      WITH missing AS MATERIALIZED (
        SELECT l.lane_id, l.chain_id, n.nonce
        FROM lane l, generate_series($2::bigint - 1, l.first_nonce, -1) AS n(nonce)
        WHERE l.lane_id = $1
          AND NOT EXISTS (SELECT 1 FROM attempt a JOIN inclusion i USING (attempt_id)
            JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
            WHERE a.lane_id = l.lane_id AND a.nonce = n.nonce)
          AND NOT EXISTS (SELECT 1 FROM ${CANONICAL} WHERE f.lane_id = l.lane_id AND f.nonce = n.nonce)
        LIMIT $3
      )
      SELECT m.nonce, coalesce(below.height, (SELECT min(height) FROM block WHERE chain_id = m.chain_id)) AS from_block,
        t.token, t.recipient, t.amount
      FROM missing m
      LEFT JOIN LATERAL (
        SELECT i.block_number AS height FROM attempt a JOIN inclusion i USING (attempt_id)
        JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
        WHERE a.lane_id = m.lane_id AND a.nonce < m.nonce ORDER BY a.nonce DESC LIMIT 1) below ON true
      LEFT JOIN nonce_slot s ON s.lane_id = m.lane_id AND s.nonce = m.nonce
      LEFT JOIN tx t ON t.tx_id = s.tx_id AND t.payer_authorization IS NULL AND t.to_lane IS NULL AND t.amount > 0
      ORDER BY m.nonce`,
    values: [laneId, consumed, limit],
  });
  return rows.map((row) => ({
    laneId,
    nonce: row.nonce,
    fromBlock: Number(row.from_block),
    intent:
      row.recipient === null
        ? null
        : { token: row.token, recipient: row.recipient, amount: row.amount! },
  }));
}

/** A foreign transaction on a nonce of a lane, as it is written down. */
export type ForeignUse = {
  laneId: number;
  nonce: bigint;
  txHash: Hex;
  blockNumber: number;
  blockHash: Hex;
  paysIntent: boolean;
  did: Record<string, unknown>;
};

/**
 * Writes down foreign transactions whose blocks are canonical, and counts their nonces as consumed. The caller
 * holds the chain's head, so that each is counted once. Returns those that are new.
 */
export async function insertForeign(
  sql: Sql,
  chainId: number,
  uses: readonly ForeignUse[],
): Promise<ForeignUse[]> {
  if (uses.length === 0) return [];
  const { rows } = await sql.query<{ tx_hash: Hex }>({
    name: 'foreign_insert',
    types: HEX_BYTES,
    text: `
      WITH made AS (
        INSERT INTO foreign_inclusion (tx_hash, block_hash, chain_id, block_number, lane_id, nonce, pays_intent, did, paid)
        SELECT u.tx_hash, u.block_hash, b.chain_id, b.height, u.lane_id, u.nonce, u.pays_intent, u.did,
          -- What was decided about a transaction holds in whatever block it is.
          (SELECT bool_or(f.paid) FROM foreign_inclusion f
            WHERE f.lane_id = u.lane_id AND f.nonce = u.nonce AND f.tx_hash = u.tx_hash AND u.pays_intent)
        FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::int[], $6::bigint[], $7::bool[], $8::jsonb[])
          AS u(tx_hash, block_hash, block_number, lane_id, nonce, pays_intent, did)
        JOIN block b ON b.chain_id = $1 AND b.height = u.block_number AND b.hash = u.block_hash
        ON CONFLICT DO NOTHING RETURNING tx_hash, lane_id
      ), counted AS (
        UPDATE lane_progress p SET mined_nonce = p.mined_nonce + m.uses
        FROM (SELECT lane_id, count(*) AS uses FROM made GROUP BY lane_id) m WHERE p.lane_id = m.lane_id
      )
      SELECT tx_hash FROM made`,
    values: [
      chainId,
      uses.map((use) => fromHex(use.txHash)),
      uses.map((use) => fromHex(use.blockHash)),
      uses.map((use) => use.blockNumber),
      uses.map((use) => use.laneId),
      uses.map((use) => use.nonce),
      uses.map((use) => use.paysIntent),
      uses.map((use) => JSON.stringify(use.did)),
    ],
  });
  const made = new Set(rows.map((row) => row.tx_hash));
  return uses.filter((use) => made.has(use.txHash));
}

/** A nonce that a reorg gives back, and the tx of its slot where the foreign use had ended that unpaid; else null. */
type ForeignOrphan = {
  laneId: number;
  nonce: bigint;
  ended: { txId: string; tenantId: string; correlationId: string } | null;
};

/** Nonces of canonical foreign transactions above a height: what a reorg down to it gives back. */
export async function readForeignOrphans(
  sql: Sql,
  chainId: number,
  above: number,
): Promise<ForeignOrphan[]> {
  const { rows } = await sql.query<ForeignOrphan>({
    name: 'foreign_orphans',
    text: `SELECT f.lane_id AS "laneId", f.nonce, CASE WHEN t.tx_id IS NOT NULL THEN json_build_object(
        'txId', t.tx_id, 'tenantId', t.tenant_id, 'correlationId', t.correlation_id) END AS ended
      FROM ${CANONICAL}
      LEFT JOIN nonce_slot s ON s.lane_id = f.lane_id AND s.nonce = f.nonce
      LEFT JOIN tx t ON t.tx_id = s.tx_id AND t.status = 'REPLACED' AND t.failure_code IS NOT NULL
      WHERE f.chain_id = $1 AND f.block_number > $2`,
    values: [chainId, above],
  });
  return rows;
}

/**
 * Lanes with uses in the canonical chain that nobody has adopted. Such a lane may be open: it was adopted while a reorg
 * had taken the use back, and then that branch came again.
 */
export async function readUsedLanes(sql: Sql, chainId: number): Promise<Set<number>> {
  const { rows } = await sql.query<{ lane_id: number }>({
    name: 'foreign_lanes',
    text: `SELECT DISTINCT f.lane_id FROM ${CANONICAL} WHERE f.chain_id = $1 AND f.adopted_at IS NULL`,
    values: [chainId],
  });
  return new Set(rows.map((row) => row.lane_id));
}

/** Counts known foreign uses again whose blocks, once reorged away, are canonical again with these. */
export async function recountForeign(sql: Sql, blockHashes: readonly Hex[]): Promise<void> {
  await sql.query({
    name: 'foreign_recount',
    text: `UPDATE lane_progress p SET mined_nonce = p.mined_nonce + f.uses
      FROM (SELECT lane_id, count(*) AS uses FROM foreign_inclusion WHERE block_hash = ANY($1::bytea[])
        GROUP BY lane_id) f WHERE p.lane_id = f.lane_id`,
    values: [blockHashes.map(fromHex)],
  });
}
