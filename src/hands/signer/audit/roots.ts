import { type KeyObject, sign } from 'node:crypto';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { fromHex, toHex } from '../../../base/kernel/index.ts';
import {
  type AuditHeader,
  auditHash,
  auditMessage,
  NO_HEADER,
  rawPublicKey,
} from '../../../books/audit/check.ts';
import { insertRoots, signedRoots } from './journal-roots.ts';

export type RootSigner = {
  /** The main database under the role payonce_signer. */
  main: Db;
  /** The journal's own database under the role payonce_signer. */
  journal: Db;
  /** Private Ed25519, for headers of audit blocks and nothing else. */
  key: KeyObject;
};

const AT_ONCE = 100;

/**
 * Signs the headers that wait, in their order. Each is put together here from its columns, and only if it is the next
 * one after what this journal has signed: of one height one header is ever signed, whatever the main database shows
 * later. The journal is written first; a crash behind it gives the same signature again, for Ed25519 has one a
 * message. Returns how many were signed; throws at a header that does not follow.
 */
export async function signRoots({ main, journal, key }: RootSigner): Promise<number> {
  const headers = await waitingHeaders(main);
  const [first] = headers;
  if (first === undefined) return 0;
  const known = await signedRoots(journal, first.height - 1n);
  const followed: AuditHeader[] = [];
  let previous = first.height === 1n ? NO_HEADER : known.get(first.height - 1n);
  for (const header of headers) {
    const hash = auditHash(header);
    const before = known.get(header.height);
    if (header.previous !== previous || (before !== undefined && before !== hash)) {
      if (followed.length > 0) break;
      throw new Error(
        `audit block ${header.height} is ${hash} after ${header.previous}; expected ${before ?? `one after ${previous ?? 'what was signed here'}`}: nothing of this height will be signed`,
      );
    }
    followed.push(header);
    previous = hash;
  }
  if (followed.length === 0) return 0;
  await insertRoots(journal, followed);
  await insertSignatures(main, key, followed);
  return followed.length;
}

async function waitingHeaders(main: Db): Promise<AuditHeader[]> {
  const { rows } = await main.query<{
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
  }>({
    name: 'signer_audit_waiting',
    text: `SELECT i.installation_id, b.height, b.previous_hash, b.from_id, b.to_id, b.counts, b.merkle_root,
        b.journal_height, b.journal_hash, b.sealed_at
      FROM audit_block b CROSS JOIN installation i
      WHERE b.height > (SELECT coalesce(max(height), 0) FROM audit_signature) ORDER BY b.height LIMIT $1`,
    values: [AT_ONCE],
  });
  return rows.map((row) => ({
    installationId: row.installation_id,
    height: row.height,
    previous: toHex(row.previous_hash),
    from: row.from_id,
    to: row.to_id,
    rows: row.counts,
    merkleRoot: toHex(row.merkle_root),
    journal: { height: row.journal_height, hash: toHex(row.journal_hash) },
    sealedAt: row.sealed_at,
  }));
}

async function insertSignatures(
  main: Db,
  key: KeyObject,
  headers: readonly AuditHeader[],
): Promise<void> {
  const publicKey = fromHex(rawPublicKey(key));
  await inTransaction(main, (sql) =>
    sql.query(
      `INSERT INTO audit_signature (height, public_key, signature)
       SELECT height, $2, signature FROM unnest($1::bigint[], $3::bytea[]) AS u(height, signature)
       ON CONFLICT (height) DO NOTHING`,
      [
        headers.map(({ height }) => height),
        publicKey,
        headers.map((header) => sign(null, auditMessage(header), key)),
      ],
    ),
  );
}
