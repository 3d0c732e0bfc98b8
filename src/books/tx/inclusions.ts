import type { Sql } from '../../base/db/index.ts';
import { fromHex, type Hex, type SettleAt, type TxState } from '../../base/kernel/index.ts';
import { WAKE_HEADS } from './topics.ts';

export type NewInclusion = {
  attemptId: string;
  blockNumber: number;
  blockHash: Hex;
  succeeded: boolean;
  effectOk: boolean;
  /** Known where the receipt was read. */
  gasUsed: bigint | null;
  effectiveGasPrice: bigint | null;
  /** The lane that an effect between own wallets filled. */
  toLane: number | null;
};

/** Append-only: a re-inclusion in another block is another row, the same one again is nothing. */
export async function insertInclusions(
  sql: Sql,
  chainId: number,
  inclusions: readonly NewInclusion[],
): Promise<void> {
  if (inclusions.length === 0) return;
  await sql.query({
    name: 'inclusion_insert',
    text: `
      INSERT INTO inclusion (attempt_id, block_hash, chain_id, block_number, succeeded, effect_ok, gas_used, effective_gas_price, to_lane)
      SELECT attempt_id, block_hash, $1, block_number, succeeded, effect_ok, gas_used, effective_gas_price, to_lane
      FROM unnest($2::uuid[], $3::bytea[], $4::bigint[], $5::bool[], $6::bool[], $7::numeric[], $8::numeric[], $9::int[])
        AS u(attempt_id, block_hash, block_number, succeeded, effect_ok, gas_used, effective_gas_price, to_lane)
      ON CONFLICT DO NOTHING`,
    values: [
      chainId,
      inclusions.map((item) => item.attemptId),
      inclusions.map((item) => fromHex(item.blockHash)),
      inclusions.map((item) => item.blockNumber),
      inclusions.map((item) => item.succeeded),
      inclusions.map((item) => item.effectOk),
      inclusions.map((item) => item.gasUsed),
      inclusions.map((item) => item.effectiveGasPrice),
      inclusions.map((item) => item.toLane),
    ],
  });
}

/** A canonical inclusion in a range of heights, as the crossing of a level needs it. */
export type Crossing = {
  txId: string;
  tenantId: string;
  ownerKind: string;
  ownerId: string;
  status: TxState;
  settleAt: SettleAt;
  kind: 'effect' | 'filler';
  succeeded: boolean;
  effectOk: boolean;
  fillReason: string | null;
  failureCode: string | null;
  laneId: number;
  nonce: bigint;
  reorgs: number;
  correlationId: string;
};

/** Canonical inclusions with height in (above, upTo]. */
export async function readCrossings(
  sql: Sql,
  chainId: number,
  above: number,
  upTo: number,
): Promise<Crossing[]> {
  if (upTo <= above) return [];
  const { rows } = await sql.query<Crossing>({
    name: 'inclusion_crossing',
    text: `
      SELECT t.tx_id AS "txId", t.tenant_id AS "tenantId", t.owner_kind AS "ownerKind", t.owner_id AS "ownerId",
        t.status, t.settle_at AS "settleAt", a.kind, i.succeeded, i.effect_ok AS "effectOk",
        s.fill_reason AS "fillReason", t.failure_code AS "failureCode", a.lane_id AS "laneId", a.nonce, t.reorgs, t.correlation_id AS "correlationId"
      FROM inclusion i
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      JOIN attempt a USING (attempt_id)
      CROSS JOIN LATERAL (
        SELECT * FROM nonce_slot WHERE lane_id = a.lane_id AND nonce = a.nonce OFFSET 0) s
      JOIN tx t ON t.tx_id = a.tx_id
      WHERE i.chain_id = $1 AND i.block_number > $2 AND i.block_number <= $3`,
    values: [chainId, above, upTo],
  });
  return rows;
}

export type NewBlock = {
  number: number;
  hash: Hex;
  parentHash: Hex;
  baseFeePerGas: bigint | null;
  timestamp: number;
};

export async function insertBlocks(
  sql: Sql,
  chainId: number,
  blocks: readonly NewBlock[],
): Promise<void> {
  if (blocks.length === 0) return;
  await sql.query({
    name: 'block_insert',
    text: `INSERT INTO block (chain_id, height, hash, parent_hash, base_fee_per_gas, mined_at)
      SELECT $1, height, hash, parent_hash, base_fee_per_gas, to_timestamp(at)
      FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::numeric[], $6::float8[])
        AS u(height, hash, parent_hash, base_fee_per_gas, at)`,
    values: [
      chainId,
      blocks.map((block) => block.number),
      blocks.map((block) => fromHex(block.hash)),
      blocks.map((block) => fromHex(block.parentHash)),
      blocks.map((block) => block.baseFeePerGas),
      blocks.map((block) => block.timestamp),
    ],
  });
}

/** Moves the head, and wakes who waits for that; heights only rise here. */
export async function moveHead(
  sql: Sql,
  chainId: number,
  head: { latest: number; safe: number; finalized: number },
): Promise<void> {
  await sql.query({
    name: 'head_move',
    text: `WITH moved AS (
        UPDATE chain_head SET latest = $2, safe = greatest(safe, $3), finalized = greatest(finalized, $4),
          advanced_at = now() WHERE chain_id = $1)
      SELECT pg_notify('${WAKE_HEADS}', '')`,
    values: [chainId, head.latest, head.safe, head.finalized],
  });
}

/** The tracker's word on lanes: nonces below are consumed as of this block. */
export async function setProgress(
  sql: Sql,
  progress: ReadonlyMap<number, bigint>,
  atBlock: number,
): Promise<void> {
  if (progress.size === 0) return;
  await sql.query({
    name: 'lane_progress',
    text: `UPDATE lane_progress p SET mined_nonce = u.mined_nonce, at_block = $3,
        moved_at = CASE WHEN p.mined_nonce = u.mined_nonce THEN p.moved_at ELSE now() END
      FROM unnest($1::int[], $2::bigint[]) AS u(lane_id, mined_nonce) WHERE p.lane_id = u.lane_id`,
    values: [[...progress.keys()], [...progress.values()], atBlock],
  });
}

/**
 * A reorg's word on lanes: these nonces are not consumed any more, and from the lowest on nothing is final. As many
 * are taken back as were counted: a use below them that nobody had found yet may be gone with them.
 */
export async function lowerProgress(
  sql: Sql,
  orphans: readonly { laneId: number; nonce: bigint }[],
  atBlock: number,
): Promise<void> {
  if (orphans.length === 0) return;
  await sql.query({
    name: 'lane_progress_lower',
    text: `UPDATE lane_progress p SET mined_nonce = p.mined_nonce - u.uses,
        final_nonce = least(p.final_nonce, u.lowest), at_block = $3
      FROM (SELECT lane_id, count(DISTINCT nonce) AS uses, min(nonce) AS lowest
        FROM unnest($1::int[], $2::bigint[]) AS o(lane_id, nonce) GROUP BY lane_id) u
      WHERE p.lane_id = u.lane_id`,
    values: [orphans.map(({ laneId }) => laneId), orphans.map(({ nonce }) => nonce), atBlock],
  });
}

/** How far each lane's nonces are final, from inclusions that became so; it only rises. */
export async function setFinalProgress(
  sql: Sql,
  finals: readonly Pick<Crossing, 'laneId' | 'nonce'>[],
): Promise<void> {
  const next = new Map<number, bigint>();
  for (const { laneId, nonce } of finals) {
    if (nonce >= (next.get(laneId) ?? 0n)) next.set(laneId, nonce + 1n);
  }
  if (next.size === 0) return;
  await sql.query({
    name: 'lane_progress_final',
    text: `UPDATE lane_progress p SET final_nonce = greatest(p.final_nonce, u.final_nonce)
      FROM unnest($1::int[], $2::bigint[]) AS u(lane_id, final_nonce) WHERE p.lane_id = u.lane_id`,
    values: [[...next.keys()], [...next.values()]],
  });
}

export type Orphan = {
  txId: string;
  tenantId: string;
  ownerKind: string;
  ownerId: string;
  attemptId: string;
  laneId: number;
  nonce: bigint;
  txStatus: TxState;
  settleAt: SettleAt;
  blockNumber: number;
  correlationId: string;
};

/** Canonical inclusions above a height: what a reorg down to it orphans. */
export async function readOrphans(sql: Sql, chainId: number, above: number): Promise<Orphan[]> {
  const { rows } = await sql.query<Omit<Orphan, 'blockNumber'> & { blockNumber: bigint }>({
    name: 'inclusion_orphans',
    text: `
      SELECT t.tx_id AS "txId", t.tenant_id AS "tenantId", t.owner_kind AS "ownerKind", t.owner_id AS "ownerId",
        a.attempt_id AS "attemptId", a.lane_id AS "laneId", a.nonce, t.status AS "txStatus",
        t.settle_at AS "settleAt", i.block_number AS "blockNumber", t.correlation_id AS "correlationId"
      FROM inclusion i
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      JOIN attempt a USING (attempt_id) JOIN tx t USING (tx_id)
      WHERE i.chain_id = $1 AND i.block_number > $2`,
    values: [chainId, above],
  });
  return rows.map((row) => ({ ...row, blockNumber: Number(row.blockNumber) }));
}

/**
 * Takes the blocks above a height out of the canonical chain and remembers how far each orphaned
 * transaction had come, so that its status never falls. Only a declared reorg goes below finalized.
 */
export async function rewind(
  sql: Sql,
  chainId: number,
  to: number,
  orphans: readonly Orphan[],
): Promise<void> {
  await sql.query({
    name: 'tx_orphaned',
    text: `
      UPDATE tx t SET reorgs = t.reorgs + 1, updated_at = now(), furthest_level = CASE
        WHEN t.furthest_level = 'finalized' OR u.height <= h.finalized THEN 'finalized'
        WHEN t.furthest_level = 'safe' OR u.height <= h.safe THEN 'safe' ELSE 'included' END
      FROM unnest($2::uuid[], $3::bigint[]) AS u(tx_id, height), chain_head h
      WHERE h.chain_id = $1 AND t.tx_id = u.tx_id`,
    values: [
      chainId,
      orphans.map((orphan) => orphan.txId),
      orphans.map((orphan) => orphan.blockNumber),
    ],
  });
  await sql.query({
    name: 'block_rewind',
    text: 'DELETE FROM block WHERE chain_id = $1 AND height > $2',
    values: [chainId, to],
  });
  await sql.query({
    name: 'head_rewind',
    text: `UPDATE chain_head SET latest = $2, safe = least(safe, $2),
      finalized = least(finalized, $2), reorgs = reorgs + 1, advanced_at = now()
      WHERE chain_id = $1`,
    values: [chainId, to],
  });
}
