import type { Sql } from '../../base/db/index.ts';
import { type Hex, toHex } from '../../base/kernel/index.ts';
import { blockOf, hashesOf, leavesOf, readLeaves, type Signed } from './blocks.ts';
import { leafHash, merklePath } from './merkle.ts';
import { ITEM_TEXTS_SQL, rowTextsSql, SEALED } from './sealed.ts';

/** A row as it was sealed, and the way from its hash to the root of a block. */
export type RowProof = {
  table: string;
  id: string;
  /** What is hashed. */
  text: string;
  /** Null: not sealed yet. */
  proof: { height: bigint; index: number; path: Hex[] } | null;
};

/** Proofs of rows of one table; the blocks that they lead to are added to `blocks`. */
export async function proveRows(
  sql: Sql,
  table: string,
  ids: readonly string[],
  blocks: Map<bigint, Signed>,
): Promise<RowProof[]> {
  const sealed = SEALED.find((one) => one.table === table)!;
  const { rows } = await sql.query<{ id: string; text: string }>(rowTextsSql(sealed), [ids]);
  const proofs: RowProof[] = [];
  for (const { id, text } of rows) {
    const block = await blockOf(sql, id);
    const proof = block === null ? null : await proveIn(sql, block, table, id);
    if (proof !== null) blocks.set(proof.height, block!);
    proofs.push({ table, id, text, proof });
  }
  return proofs;
}

async function proveIn(
  sql: Sql,
  { header: { height, rows } }: Signed,
  table: string,
  id: string,
): Promise<RowProof['proof']> {
  const leaves = await readLeaves(sql, height);
  let begin = 0;
  for (const one of SEALED) {
    if (one.table === table) break;
    begin += rows[one.table] ?? 0;
  }
  const end = begin + (rows[table] ?? 0);
  const index = leavesOf(leaves).findIndex((leaf, at) => at >= begin && at < end && leaf.id === id);
  if (index < 0) return null;
  return { height, index, path: merklePath(hashesOf(leaves), index).map(toHex) };
}

/** The events of a batch as they are hashed, in their order. */
export async function readItems(
  sql: Sql,
  batchId: string,
): Promise<{ n: number; subjectId: string; text: string; hash: Buffer }[]> {
  const { rows } = await sql.query<{ n: number; subjectId: string; text: string }>(ITEM_TEXTS_SQL, [
    batchId,
  ]);
  return rows.map((row) => ({ ...row, hash: leafHash(row.text) }));
}
