import { hash, verify } from 'node:crypto';
import { fromHex, type Hex } from '../../base/kernel/index.ts';
import { auditPublicKey } from '../../books/audit/check.ts';
import { leafHash, rootOfPath } from '../../books/audit/index.ts';
import type { Evidence, EvidenceRow } from './file.ts';
import type { Statement } from './statement.ts';

/** A row's columns as their texts; what is null is absent. */
export type Fields = Record<string, string>;
export type Row = { table: string; id: string; fields: Fields };

type Header = {
  height: string;
  from: string;
  to: string;
  rows: [string, number][];
  merkleRoot: Hex;
  installation: string;
};

const ID: Record<string, string> = {
  withdrawal: 'withdrawal_id',
  tx: 'tx_id',
  decision: 'decision_id',
  transfer: 'transfer_id',
  event_batch: 'batch_id',
  approval_request: 'request_id',
  approval: 'approval_id',
  break_action: 'action_id',
};

/** Headers by trusted keys, rows by their paths, events by their batches; `proven` takes the rows. */
export function checkSeal(
  evidence: Evidence,
  publicKeys: readonly Hex[],
  proven: Row[],
): Statement[] {
  const headers = new Map<string, Header>();
  const blocks = evidence.blocks.map(({ message, publicKey, signature }) => {
    const header = JSON.parse(message) as Header;
    headers.set(header.height, header);
    const holds =
      publicKeys.includes(publicKey) &&
      message.startsWith('{"domain":"payonce audit root",') &&
      header.installation === evidence.installationId &&
      verify(null, Buffer.from(message, 'utf8'), auditPublicKey(publicKey), fromHex(signature));
    return { what: `block ${header.height} is signed`, holds, detail: `by ${publicKey}` };
  });
  const rows = evidence.rows.map((row) => {
    const fields = JSON.parse(row.text) as Fields;
    proven.push({ table: row.table, id: row.id, fields });
    const header = row.proof === null ? undefined : headers.get(row.proof.height);
    const holds =
      fields['$table'] === row.table &&
      fields[ID[row.table] ?? ''] === row.id &&
      header !== undefined &&
      isSealed(row, header);
    const detail = row.proof === null ? 'not sealed yet' : `in block ${row.proof.height}`;
    return { what: `${row.table} ${row.id} is sealed`, holds, detail };
  });
  return [...blocks, ...rows, ...evidence.events.map((batch) => eventsOf(batch, proven))];
}

function isSealed({ id, table, text, proof }: EvidenceRow, header: Header): boolean {
  const { index, path } = proof!;
  let [begin, size] = [0, 0];
  for (const [name, count] of header.rows) {
    if (name === table) begin = size;
    size += count;
  }
  const count = header.rows.find(([name]) => name === table)?.[1] ?? 0;
  const root = rootOfPath(leafHash(text), { index, size, path: path.map(fromHex) });
  return (
    header.from <= id &&
    id < header.to &&
    index >= begin &&
    index < begin + count &&
    root?.equals(fromHex(header.merkleRoot)) === true
  );
}

/** The batch's row holds the digest of all its events' hashes, and each event shown is one of those. */
function eventsOf(
  { batchId, hashes, own }: Evidence['events'][number],
  rows: readonly Row[],
): Statement {
  const batch = rows.find(({ table, id }) => table === 'event_batch' && id === batchId);
  const all = hash('sha256', Buffer.concat(hashes.map(fromHex)), 'hex');
  const holds =
    batch !== undefined &&
    batch.fields['items'] === all &&
    own.every(
      ({ n, text }) =>
        (JSON.parse(text) as Fields)['$event'] === String(n) &&
        hashes[n - 1] === `0x${leafHash(text).toString('hex')}`,
    );
  return {
    what: `events of batch ${batchId} are its own`,
    holds,
    detail: `${own.length} of ${hashes.length}`,
  };
}
