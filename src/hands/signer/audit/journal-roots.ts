import { type Db, inTransaction } from '../../../base/db/index.ts';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import { type AuditHeader, auditHash } from '../../../books/audit/check.ts';

/** Height to hash of what was signed, from a height on. */
export async function signedRoots(journal: Db, from: bigint): Promise<Map<bigint, Hex>> {
  const { rows } = await journal.query<{ height: bigint; hash: Buffer }>(
    'SELECT height, hash FROM audit_root WHERE height >= $1',
    [from],
  );
  return new Map(rows.map(({ height, hash }) => [height, toHex(hash)]));
}

/** Two signers at once write the same; another hash under a height that is taken ends the transaction. */
export async function insertRoots(journal: Db, headers: readonly AuditHeader[]): Promise<void> {
  const heights = headers.map(({ height }) => height);
  const hashes = headers.map((header) => fromHex(auditHash(header)));
  await inTransaction(journal, async (sql) => {
    await sql.query(
      `INSERT INTO audit_root (height, hash) SELECT * FROM unnest($1::bigint[], $2::bytea[])
       ON CONFLICT (height) DO NOTHING`,
      [heights, hashes],
    );
    const { rows } = await sql.query<{ equal: bigint }>(
      `SELECT count(*) AS equal FROM audit_root r
       JOIN unnest($1::bigint[], $2::bytea[]) AS u(height, hash) ON (r.height, r.hash) = (u.height, u.hash)`,
      [heights, hashes],
    );
    if (rows[0]!.equal !== BigInt(headers.length)) {
      throw new Error('another signer has signed another audit block of this height');
    }
  });
}
