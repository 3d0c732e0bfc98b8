import type { Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import { genesis, type Seal, type Seen } from './chain.ts';
import type { Journal } from './judge.ts';

const HEAD = `SELECT installation_id, height, hash, request_id, main_height, main_hash, main_position, main_event_id
  FROM journal_head`;

type HeadRow = {
  installation_id: string | null;
  height: bigint;
  hash: Buffer;
  request_id: string | null;
  main_height: bigint;
  main_hash: Buffer;
  main_position: bigint;
  main_event_id: string | null;
};

function journalOf(row: HeadRow): Journal {
  return {
    installationId: row.installation_id,
    head: { height: row.height, hash: toHex(row.hash) },
    requestId: row.request_id,
    seen: {
      seal: { height: row.main_height, hash: toHex(row.main_hash) },
      position: row.main_position,
      eventId: row.main_event_id,
    },
  };
}

export async function headGet(sql: Sql): Promise<Journal> {
  const { rows } = await sql.query<HeadRow>({ name: 'signer_head_get', text: HEAD });
  return journalOf(rows[0]!);
}

/** Held to the end of the transaction: whoever holds it gives the next height. */
export async function headGetForUpdate(sql: Sql): Promise<Journal> {
  const { rows } = await sql.query<HeadRow>({
    name: 'signer_head_get_for_update',
    text: `${HEAD} FOR UPDATE`,
  });
  return journalOf(rows[0]!);
}

/** Begins the chain of a new journal; one that was begun stays as it is. */
export async function headBegin(sql: Sql, installationId: string): Promise<void> {
  await sql.query({
    name: 'signer_head_begin',
    text: `UPDATE journal_head SET installation_id = $1, hash = $2
      WHERE installation_id IS NULL AND height = 0`,
    values: [installationId, fromHex(genesis(installationId).hash)],
  });
}

/** The hashes that the chain has at these heights. */
export async function batchHashes(sql: Sql, heights: readonly bigint[]): Promise<Map<bigint, Hex>> {
  const { rows } = await sql.query<{ height: bigint; hash: Buffer }>({
    name: 'signer_batch_hashes',
    text: 'SELECT height, hash FROM journal_batch WHERE height = ANY($1::bigint[])',
    values: [heights],
  });
  return new Map(rows.map(({ height, hash }) => [height, toHex(hash)]));
}

/**
 * Remembers what was seen of the main database, whose signer may be the last to know it: a batch that was handed
 * over is told by nothing else until the next one.
 */
export async function seenNote(sql: Sql, { seal, position, eventId }: Seen): Promise<void> {
  await sql.query({
    name: 'signer_seen_note',
    text: `UPDATE journal_head SET main_height = $1, main_hash = $2, main_position = $3, main_event_id = $4
      WHERE main_height <= $1 AND main_position <= $3`,
    values: [seal.height, fromHex(seal.hash), position, eventId],
  });
}

export type NewBatch = {
  previous: Seal;
  seal: Seal;
  /** One of its orders. */
  requestId: string;
  entries: number;
  /** The main database as it was when the batch began. */
  main: Seen;
  /** The newest that was ever seen of it. */
  newest: Seen;
};

/** The columns of a batch and of the head after it, in the order of unsignedInsert's last parameters. */
export function batchColumns(batch: NewBatch): unknown[] {
  const { previous, seal, requestId, entries, main, newest } = batch;
  return [
    seal.height,
    fromHex(seal.hash),
    fromHex(previous.hash),
    entries,
    requestId,
    main.seal.height,
    fromHex(main.seal.hash),
    main.position,
    main.eventId,
    newest.seal.height,
    fromHex(newest.seal.hash),
    newest.position,
    newest.eventId,
  ];
}
