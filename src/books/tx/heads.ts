import type { Sql } from '../../base/db/index.ts';
import { fromHex, type Hex, type Level, toHex } from '../../base/kernel/index.ts';
import type { NewBlock } from './inclusions.ts';
import { levelOf } from './view.ts';

export type HeadRow = {
  chainId: number;
  latest: number;
  safe: number;
  finalized: number;
  /** Of the canonical block at `latest`. */
  hash: Hex;
  /** Of that block, wei a gas; null: the chain has none, or it was not kept. */
  baseFeePerGas: bigint | null;
  epoch: bigint;
  haltedReason: string | null;
  reorgs: number;
  advancedAt: Date;
};

type RawHead = Omit<HeadRow, 'chainId' | 'latest' | 'safe' | 'finalized' | 'hash' | 'reorgs'> & {
  chainId: bigint;
  latest: bigint;
  safe: bigint;
  finalized: bigint;
  reorgs: bigint;
  hash: Buffer;
};

const SELECT = `
  SELECT h.chain_id AS "chainId", h.latest, h.safe, h.finalized, b.hash,
    b.base_fee_per_gas AS "baseFeePerGas", h.epoch, h.halted_reason AS "haltedReason", h.reorgs, h.advanced_at AS "advancedAt"
  FROM chain_head h JOIN block b ON b.chain_id = h.chain_id AND b.height = h.latest`;

function fromRaw(row: RawHead): HeadRow {
  return {
    ...row,
    chainId: Number(row.chainId),
    latest: Number(row.latest),
    safe: Number(row.safe),
    finalized: Number(row.finalized),
    reorgs: Number(row.reorgs),
    hash: toHex(row.hash),
  };
}

export async function readHeads(sql: Sql): Promise<Map<number, HeadRow>> {
  const { rows } = await sql.query<RawHead>({ name: 'head_read', text: SELECT });
  return new Map(rows.map((row) => [Number(row.chainId), fromRaw(row)]));
}

/**
 * Locks chain heads in the order of their ids. `update` is the walker's; whoever commits or releases by
 * what the chain shows takes `share` and reads levels again under it.
 */
export async function lockHeads(
  sql: Sql,
  chainIds: readonly number[],
  mode: 'share' | 'update',
): Promise<void> {
  await sql.query({
    name: `head_lock_${mode}`,
    text: `SELECT 1 FROM chain_head WHERE chain_id = ANY($1::bigint[]) ORDER BY chain_id FOR ${mode === 'share' ? 'SHARE' : 'UPDATE'}`,
    values: [[...chainIds].sort((a, b) => a - b)],
  });
}

export type Settled = {
  /**
   * By tx id: the level of its canonical inclusion, and whether that shows the intended effect. `replaced`: it ended
   * since a transaction that is not ours used its nonce without paying it, and that stands finalized.
   */
  levels: Map<string, { level: Level; paid: boolean; replaced: boolean }>;
  /** Chains on which nothing may be completed now. */
  halted: Set<number>;
};

/** What the canonical chain shows of transactions; under lockHeads it can not change. */
export async function readSettled(sql: Sql, txIds: readonly string[]): Promise<Settled> {
  const { rows } = await sql.query<{
    tx_id: string;
    chain_id: bigint;
    halted: boolean;
    block_number: bigint | null;
    paid: boolean | null;
    replaced: boolean;
    safe: bigint;
    finalized: bigint;
  }>({
    name: 'tx_settled',
    text: `
      SELECT t.tx_id, t.chain_id, h.halted_reason IS NOT NULL AS halted, c.block_number, c.paid, h.safe, h.finalized,
        CASE WHEN t.status = 'REPLACED' THEN EXISTS (SELECT FROM foreign_inclusion f
          JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
          WHERE f.lane_id = s.lane_id AND f.nonce = s.nonce AND f.block_number <= h.finalized
            AND (NOT f.pays_intent OR NOT f.paid))
        ELSE false END AS replaced
      FROM tx t
      JOIN chain_head h ON h.chain_id = t.chain_id
      LEFT JOIN nonce_slot s ON s.tx_id = t.tx_id
      LEFT JOIN LATERAL (
        SELECT i.block_number, a.kind = 'effect' AND i.succeeded AND i.effect_ok AS paid
        FROM attempt a JOIN inclusion i USING (attempt_id)
        JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
        WHERE a.lane_id = s.lane_id AND a.nonce = s.nonce LIMIT 1
      ) c ON true
      WHERE t.tx_id = ANY($1::uuid[])`,
    values: [txIds],
  });
  return {
    levels: new Map(
      rows.map((row) => [
        row.tx_id,
        {
          level: levelOf(row.block_number, row.safe, row.finalized),
          paid: row.paid ?? false,
          replaced: row.replaced,
        },
      ]),
    ),
    halted: new Set(rows.filter((row) => row.halted).map((row) => Number(row.chain_id))),
  };
}

/** Where the walk begins, once per chain: at a final block. A chain that has a head keeps it. */
export async function startChain(sql: Sql, chainId: number, block: NewBlock): Promise<void> {
  await sql.query(
    `WITH head AS (
       INSERT INTO chain_head (chain_id, latest, safe, finalized) VALUES ($1, $2, $2, $2)
       ON CONFLICT (chain_id) DO NOTHING RETURNING chain_id
     )
     INSERT INTO block (chain_id, height, hash, parent_hash, base_fee_per_gas, mined_at)
     SELECT chain_id, $2, $3, $4, $5, to_timestamp($6) FROM head`,
    [
      chainId,
      block.number,
      fromHex(block.hash),
      fromHex(block.parentHash),
      block.baseFeePerGas,
      block.timestamp,
    ],
  );
}

/** Takes or renews the walker's lease of a chain; null while another holds it. */
export async function leaseChain(
  sql: Sql,
  chainId: number,
  owner: string,
  leaseMs: number,
): Promise<bigint | null> {
  const { rows } = await sql.query<{ epoch: bigint }>({
    name: 'head_lease',
    // Written again when a third of it is over: a walker looks several times a second.
    text: `
      WITH held AS (
        SELECT epoch FROM chain_head WHERE chain_id = $1 AND lease_owner = $2 AND $3 > 0
          AND lease_until > clock_timestamp() + $3 * interval '0.66 milliseconds'
      ), taken AS (
        UPDATE chain_head SET lease_owner = $2, lease_until = clock_timestamp() + $3 * interval '1 millisecond',
          epoch = CASE WHEN lease_owner = $2 AND lease_until > clock_timestamp() THEN epoch ELSE epoch + 1 END
        WHERE chain_id = $1 AND (lease_owner IS NULL OR lease_owner = $2 OR lease_until <= clock_timestamp())
          AND NOT EXISTS (SELECT FROM held)
        RETURNING epoch
      )
      SELECT epoch FROM held UNION ALL SELECT epoch FROM taken`,
    values: [chainId, owner, leaseMs],
  });
  return rows[0]?.epoch ?? null;
}

export async function releaseChains(sql: Sql, owner: string): Promise<void> {
  await sql.query(
    'UPDATE chain_head SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1',
    [owner],
  );
}

/** The hashes that we hold as canonical at these heights. */
export async function readBlockHashes(
  sql: Sql,
  chainId: number,
  heights: readonly number[],
): Promise<Map<number, Hex>> {
  const { rows } = await sql.query<{ height: bigint; hash: Buffer }>({
    name: 'block_hashes',
    text: 'SELECT height, hash FROM block WHERE chain_id = $1 AND height = ANY($2::bigint[])',
    values: [chainId, heights],
  });
  return new Map(rows.map((row) => [Number(row.height), toHex(row.hash)]));
}

/** Stops completing and signing on a chain until persons have looked; the first reason stays. */
export async function haltChain(sql: Sql, chainId: number, reason: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    'UPDATE chain_head SET halted_reason = $2, halted_at = now() WHERE chain_id = $1 AND halted_reason IS NULL',
    [chainId, reason],
  );
  return (rowCount ?? 0) > 0;
}

type ResumeOrder = {
  resumeId: string;
  evidence: string;
  proposedBy: string;
  confirmedBy: string;
};

/** Orders a halted chain to go on; false where that was ordered already, or it is not halted any more. */
export async function orderResume(
  sql: Sql,
  order: Omit<ResumeOrder, 'resumeId'> & { chainId: number },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `INSERT INTO chain_resume (chain_id, halted_reason, evidence, proposed_by, confirmed_by)
     SELECT chain_id, halted_reason, $2, $3, $4 FROM chain_head
     WHERE chain_id = $1 AND halted_reason IS NOT NULL
     ON CONFLICT (chain_id) WHERE done_at IS NULL DO NOTHING`,
    [order.chainId, order.evidence, order.proposedBy, order.confirmedBy],
  );
  return (rowCount ?? 0) > 0;
}

/** The order that is not carried out yet. */
export async function readResume(sql: Sql, chainId: number): Promise<ResumeOrder | null> {
  const { rows } = await sql.query<ResumeOrder>(
    `SELECT resume_id AS "resumeId", evidence, proposed_by AS "proposedBy", confirmed_by AS "confirmedBy"
     FROM chain_resume WHERE chain_id = $1 AND done_at IS NULL`,
    [chainId],
  );
  return rows[0] ?? null;
}

/** The end of an order; carried out, the chain is not halted any more. Under the head's lock. */
export async function finishResume(
  sql: Sql,
  resumeId: string,
  outcome: { fork: number; orphans: number } | { refusal: string },
): Promise<void> {
  const done = 'fork' in outcome ? outcome : null;
  await sql.query(
    `WITH done AS (
       UPDATE chain_resume SET done_at = now(), fork = $2, orphans = $3, refusal = $4
       WHERE resume_id = $1 AND done_at IS NULL RETURNING chain_id
     )
     UPDATE chain_head h SET halted_reason = NULL, halted_at = NULL FROM done
     WHERE h.chain_id = done.chain_id AND $2::bigint IS NOT NULL`,
    [
      resumeId,
      done?.fork ?? null,
      done?.orphans ?? null,
      'refusal' in outcome ? outcome.refusal : null,
    ],
  );
}

/** The lowest block that we hold of a chain. */
export async function readLowestBlock(sql: Sql, chainId: number): Promise<number> {
  const { rows } = await sql.query<{ height: bigint }>(
    'SELECT min(height) AS height FROM block WHERE chain_id = $1',
    [chainId],
  );
  return Number(rows[0]!.height);
}
