import type { Sql } from '../../base/db/index.ts';
import { type Hex, toHex } from '../../base/kernel/index.ts';
import type { AnchoredRoot } from './anchor.ts';
import { hashesOf, LEAF_BYTES, leavesOf, readBlocks, readLeaves, type Signed } from './blocks.ts';
import { type AuditHeader, auditHash, isAuditSignature, NO_HEADER } from './check.ts';
import { merkleRoot } from './merkle.ts';
import { leavesBetween } from './seal.ts';
import { FIRST_ID, SEALED } from './sealed.ts';

/** What is not as it was sealed: a row by table and id, or a block. */
type AuditBreak = { subject: string; found: string; expected: string };

export type AuditReport = {
  blocks: number;
  rows: number;
  /** Blocks at the end that no signature stands on yet. */
  unsigned: number;
  /** Rows younger than the last block. */
  unsealed: number;
  /** In the order of the chain: the first is the first that is not as it was. */
  breaks: AuditBreak[];
};

export type Trusted = {
  /** Raw Ed25519 keys from outside of the database. */
  publicKeys: readonly Hex[];
  anchored: readonly AnchoredRoot[];
};

const PAGE = 100;
/** More than a person reads; the first one is what matters. */
const MOST_BREAKS = 100;

/**
 * Computes every block again from the rows that are there now, in the order of the chain. What the database says of
 * itself is not believed: a header counts as far as it follows the one before, a trusted key has signed it and no
 * anchor says otherwise. Runs in the caller's snapshot; writes nothing.
 */
export async function checkBlocks(
  sql: Sql,
  trusted: Trusted,
  progress: (text: string) => void,
): Promise<AuditReport> {
  const report: AuditReport = { blocks: 0, rows: 0, unsigned: 0, unsealed: 0, breaks: [] };
  const anchors = new Map<bigint, Set<Hex>>();
  for (const { height, hash } of trusted.anchored) {
    anchors.set(height, (anchors.get(height) ?? new Set()).add(hash));
  }
  let previous: AuditHeader | null = null;
  for (;;) {
    const page: Signed[] = await readBlocks(sql, previous?.height ?? 0n, PAGE);
    for (const block of page) {
      progress(`audit block ${block.header.height}`);
      report.breaks.push(
        ...chainBreaks(previous, block.header),
        ...wordBreaks(block, trusted.publicKeys, anchors, report),
        ...(await rowBreaks(sql, block.header, report)),
      );
      report.blocks += 1;
      previous = block.header;
    }
    if (page.length < PAGE || report.breaks.length >= MOST_BREAKS) break;
  }
  const end = previous?.height ?? 0n;
  const lost = [...anchors.keys()].some((height) => height > end);
  if (report.breaks.length < MOST_BREAKS && lost) {
    const subject = `audit_block ${end + 1n}`;
    report.breaks.push({ subject, found: 'no block', expected: 'blocks up to those anchored' });
  }
  report.unsealed = await countUnsealed(sql, previous?.to ?? FIRST_ID);
  return report;
}

function chainBreaks(previous: AuditHeader | null, header: AuditHeader): AuditBreak[] {
  const subject = `audit_block ${header.height}`;
  const height = (previous?.height ?? 0n) + 1n;
  if (header.height !== height) {
    return [{ subject: `audit_block ${height}`, found: 'no block', expected: 'every height' }];
  }
  const breaks: AuditBreak[] = [];
  const hash = previous === null ? NO_HEADER : auditHash(previous);
  if (header.previous !== hash) {
    breaks.push({ subject, found: `previous ${header.previous}`, expected: hash });
  }
  const from = previous?.to ?? FIRST_ID;
  if (header.from !== from) breaks.push({ subject, found: `from ${header.from}`, expected: from });
  return breaks;
}

/** What the signer and the anchor say of a header. The newest ones may wait for both. */
function wordBreaks(
  { header, publicKey, signature }: Signed,
  publicKeys: readonly Hex[],
  anchors: ReadonlyMap<bigint, ReadonlySet<Hex>>,
  report: AuditReport,
): AuditBreak[] {
  const subject = `audit_block ${header.height}`;
  const breaks: AuditBreak[] = [];
  const kept = anchors.get(header.height);
  const hash = auditHash(header);
  if (kept !== undefined && (kept.size > 1 || !kept.has(hash))) {
    const expected = `the anchored ${[...kept].join(', ')}`;
    breaks.push({ subject, found: `hash ${hash}`, expected });
  }
  if (publicKey === null || signature === null) {
    report.unsigned += 1;
    if (kept === undefined) return breaks;
    return [...breaks, { subject, found: 'no signature', expected: 'one, as it is anchored' }];
  }
  if (report.unsigned > 0) {
    report.unsigned = 0;
    breaks.push({ subject, found: 'no signature before it', expected: 'signatures in order' });
  }
  if (!publicKeys.includes(publicKey)) {
    breaks.push({ subject, found: `signed by ${publicKey}`, expected: 'a key that is trusted' });
  } else if (!isAuditSignature(header, publicKey, signature)) {
    breaks.push({ subject, found: 'a wrong signature', expected: 'one over this header' });
  }
  return breaks;
}

async function rowBreaks(
  sql: Sql,
  header: AuditHeader,
  report: AuditReport,
): Promise<AuditBreak[]> {
  const { height, rows } = header;
  const leaves = await readLeaves(sql, height);
  const breaks: AuditBreak[] = [];
  const counted = Object.values(rows).reduce((sum, count) => sum + count, 0);
  const root = leaves.length === 0 ? null : toHex(merkleRoot(hashesOf(leaves)));
  if (root !== header.merkleRoot || counted * LEAF_BYTES !== leaves.length) {
    const subject = `audit_block ${height}`;
    breaks.push({ subject, found: `leaves of root ${root}`, expected: header.merkleRoot });
  }
  let at = 0;
  for (const table of SEALED) {
    const size = (rows[table.table] ?? 0) * LEAF_BYTES;
    const sealed = leaves.subarray(at, at + size);
    at += size;
    const present = await leavesBetween(sql, table, header);
    report.rows += present.length / LEAF_BYTES;
    if (!present.equals(sealed)) breaks.push(...differences(table.table, height, sealed, present));
  }
  return breaks;
}

/** By id: what is not there any more, what was not there, what is another. */
function differences(table: string, height: bigint, sealed: Buffer, present: Buffer): AuditBreak[] {
  const before = new Map(leavesOf(sealed).map(({ id, hash }) => [id, hash]));
  const now = new Map(leavesOf(present).map(({ id, hash }) => [id, hash]));
  return [...new Set([...before.keys(), ...now.keys()])].sort().flatMap((id) => {
    const [was, is] = [before.get(id), now.get(id)];
    if (was !== undefined && is?.equals(was)) return [];
    const found = is === undefined ? 'missing' : was === undefined ? 'additional' : 'changed';
    return [{ subject: `${table} ${id}`, found, expected: `as sealed in block ${height}` }];
  });
}

async function countUnsealed(sql: Sql, from: string): Promise<number> {
  const counts = SEALED.map(
    ({ table, id }) => `(SELECT count(*) FROM ${table} WHERE ${id} >= $1::uuid)`,
  );
  const { rows } = await sql.query<{ unsealed: bigint }>(
    `SELECT ${counts.join(' + ')} AS unsealed`,
    [from],
  );
  return Number(rows[0]!.unsealed);
}
