import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { fromHex, toHex } from '../../base/kernel/index.ts';
import { hashesOf, LEAF_BYTES, lastHeader } from './blocks.ts';
import { type AuditHeader, auditHash, NO_HEADER } from './check.ts';
import { merkleRoot } from './merkle.ts';
import { FIRST_ID, leavesSql, SEALED } from './sealed.ts';

/** One sealer at a time; the seal is not on anybody's way, so whoever comes second leaves. */
const SEAL_LOCK = 7_303_015;
/** A block covers at most so much time: under load some ten thousand rows, which are read and hashed at once. */
const STRETCH_MS = 2_000;

/** The lowest UUIDv7 of a moment. */
function idAt(moment: number): string {
  const hex = Math.floor(moment).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * Seals the next stretch of finished rows below the frontier into a block; the header's height, or null when nothing
 * is there to be sealed, or another is at it. One transaction: a crash leaves the block or nothing.
 */
export async function sealNext(db: Db, frontier: Date): Promise<bigint | null> {
  return inTransaction(db, async (sql) => {
    const lock = await sql.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_xact_lock($1) AS mine',
      [SEAL_LOCK],
    );
    if (!lock.rows[0]!.mine) return null;
    const last = await lastHeader(sql);
    const from = last?.to ?? FIRST_ID;
    const first = await firstIdFrom(sql, from);
    const until = idAt(frontier.getTime());
    if (first === null || first >= until) return null;
    const stretch = idAt(timeOf(first) + STRETCH_MS);
    const to = stretch < until ? stretch : until;
    const { leaves, rows } = await readRows(sql, from, to);
    const journal = await sql.query<{ height: bigint; hash: Buffer }>(
      'SELECT height, hash FROM journal_seal',
    );
    const { height, hash } = journal.rows[0]!;
    const header: Omit<AuditHeader, 'installationId'> = {
      height: (last?.height ?? 0n) + 1n,
      previous: last === null ? NO_HEADER : auditHash(last),
      ...{ from, to, rows },
      merkleRoot: toHex(merkleRoot(hashesOf(leaves))),
      journal: { height, hash: toHex(hash) },
      sealedAt: frontier,
    };
    await insertBlock(sql, header, leaves);
    return header.height;
  });
}

/** Of the lowest row at or above an id, in any sealed table. */
async function firstIdFrom(sql: Sql, from: string): Promise<string | null> {
  const firsts = SEALED.map(
    ({ table, id }) =>
      `(SELECT ${id} AS id FROM ${table} WHERE ${id} >= $1 ORDER BY ${id} LIMIT 1)`,
  );
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM (${firsts.join(' UNION ALL ')}) firsts ORDER BY id LIMIT 1`,
    [from],
  );
  return rows[0]?.id ?? null;
}

async function readRows(
  sql: Sql,
  from: string,
  to: string,
): Promise<{ leaves: Buffer; rows: Record<string, number> }> {
  const parts: Buffer[] = [];
  const rows: Record<string, number> = {};
  for (const table of SEALED) {
    const leaves = await leavesBetween(sql, table, { from, to });
    if (leaves.length === 0) continue;
    parts.push(leaves);
    rows[table.table] = leaves.length / LEAF_BYTES;
  }
  return { leaves: Buffer.concat(parts), rows };
}

/** The leaves of one table as its rows are now. */
export async function leavesBetween(
  sql: Sql,
  table: (typeof SEALED)[number],
  { from, to }: { from: string; to: string },
): Promise<Buffer> {
  const found = await sql.query<{ leaves: Buffer | null }>(leavesSql(table), [from, to]);
  return found.rows[0]!.leaves ?? Buffer.alloc(0);
}

async function insertBlock(
  sql: Sql,
  header: Omit<AuditHeader, 'installationId'>,
  leaves: Buffer,
): Promise<void> {
  await sql.query(
    `INSERT INTO audit_block (height, previous_hash, from_id, to_id, counts, merkle_root, journal_height,
       journal_hash, sealed_at, leaves) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      header.height,
      fromHex(header.previous),
      header.from,
      header.to,
      JSON.stringify(header.rows),
      fromHex(header.merkleRoot),
      header.journal.height,
      fromHex(header.journal.hash),
      header.sealedAt,
      leaves,
    ],
  );
  await sql.query(`SELECT pg_notify('payonce_audit_block', '')`);
}
