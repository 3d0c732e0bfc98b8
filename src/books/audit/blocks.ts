import type { Sql } from '../../base/db/index.ts';
import { type Hex, toHex } from '../../base/kernel/index.ts';
import type { AuditHeader } from './check.ts';

export const LEAF_BYTES = 48;
const ID_BYTES = 16;

export type Signed = { header: AuditHeader; publicKey: Hex | null; signature: Buffer | null };

type Row = {
  installation_id: string;
  height: bigint;
  previous_hash: Buffer;
  from_id: string;
  to_id: string;
  counts: Record<string, number>;
  merkle_root: Buffer;
  journal_height: bigint;
  journal_hash: Buffer;
  sealed_at: Date;
  public_key: Buffer | null;
  signature: Buffer | null;
};

const SELECT = `SELECT i.installation_id, b.height, b.previous_hash, b.from_id, b.to_id, b.counts, b.merkle_root,
    b.journal_height, b.journal_hash, b.sealed_at, s.public_key, s.signature
  FROM audit_block b CROSS JOIN installation i LEFT JOIN audit_signature s USING (height)`;

function signedOf(row: Row): Signed {
  return {
    header: {
      installationId: row.installation_id,
      height: row.height,
      previous: toHex(row.previous_hash),
      from: row.from_id,
      to: row.to_id,
      rows: row.counts,
      merkleRoot: toHex(row.merkle_root),
      journal: { height: row.journal_height, hash: toHex(row.journal_hash) },
      sealedAt: row.sealed_at,
    },
    publicKey: row.public_key === null ? null : toHex(row.public_key),
    signature: row.signature,
  };
}

export async function lastHeader(sql: Sql): Promise<AuditHeader | null> {
  const { rows } = await sql.query<Row>(`${SELECT} ORDER BY b.height DESC LIMIT 1`);
  return rows[0] === undefined ? null : signedOf(rows[0]).header;
}

/** 0: none is signed yet. */
export async function lastSigned(sql: Sql): Promise<bigint> {
  const { rows } = await sql.query<{ height: bigint }>(
    'SELECT coalesce(max(height), 0) AS height FROM audit_signature',
  );
  return rows[0]!.height;
}

/** Above a height, lowest first. */
export async function readBlocks(sql: Sql, above: bigint, limit: number): Promise<Signed[]> {
  const { rows } = await sql.query<Row>(
    `${SELECT} WHERE b.height > $1 ORDER BY b.height LIMIT $2`,
    [above, limit],
  );
  return rows.map(signedOf);
}

/** The block whose stretch has the id; null: none has yet. */
export async function blockOf(sql: Sql, id: string): Promise<Signed | null> {
  const { rows } = await sql.query<Row>(
    `${SELECT} WHERE b.from_id <= $1 AND $1 < b.to_id ORDER BY b.height LIMIT 1`,
    [id],
  );
  return rows[0] === undefined ? null : signedOf(rows[0]);
}

export async function readLeaves(sql: Sql, height: bigint): Promise<Buffer> {
  const { rows } = await sql.query<{ leaves: Buffer }>(
    'SELECT leaves FROM audit_block WHERE height = $1',
    [height],
  );
  return rows[0]!.leaves;
}

type Leaf = { id: string; hash: Buffer };

export function leavesOf(bytes: Buffer): Leaf[] {
  const leaves: Leaf[] = [];
  for (let at = 0; at + LEAF_BYTES <= bytes.length; at += LEAF_BYTES) {
    const hex = bytes.toString('hex', at, at + ID_BYTES);
    leaves.push({
      id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
      hash: bytes.subarray(at + ID_BYTES, at + LEAF_BYTES),
    });
  }
  return leaves;
}

/** The hashes alone, as a tree is made of them. */
export function hashesOf(bytes: Buffer): Buffer[] {
  const hashes: Buffer[] = [];
  for (let at = 0; at + LEAF_BYTES <= bytes.length; at += LEAF_BYTES) {
    hashes.push(bytes.subarray(at + ID_BYTES, at + LEAF_BYTES));
  }
  return hashes;
}
