import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { toHex } from '../../base/kernel/index.ts';
import { auditMessage } from '../../books/audit/check.ts';
import { proveRows, type RowProof, readItems, type Signed } from '../../books/audit/index.ts';
import { type Evidence, type EvidenceRow, writeEvidence } from './file.ts';

type Found = {
  txId: string | null;
  decisionIds: string[];
  requestIds: string[];
  approvalIds: string[];
  actionIds: string[];
  begin: Date;
  end: Date;
};

/**
 * The file of one withdrawal, of one snapshot; null where there is none (or, with a tenant, none of that tenant's).
 * What is younger than the newest signed block is in it without a proof.
 */
export async function exportEvidence(
  db: Db,
  { withdrawalId, tenantId }: { withdrawalId: string; tenantId: string | null },
): Promise<string | null> {
  return inTransaction(db, async (sql) => {
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const found = await findWithdrawal(sql, withdrawalId, tenantId);
    if (found === null) return null;
    const blocks = new Map<bigint, Signed>();
    const subjects = [withdrawalId, ...(found.txId === null ? [] : [found.txId])];
    const batchIds = await batchesOf(sql, subjects, found);
    const wanted: [string, string[]][] = [
      ['withdrawal', [withdrawalId]],
      ['tx', found.txId === null ? [] : [found.txId]],
      ['decision', found.decisionIds],
      ['transfer', await transfersOf(sql, subjects, found)],
      ['event_batch', batchIds],
      ['approval_request', found.requestIds],
      ['approval', found.approvalIds],
      ['break_action', found.actionIds],
    ];
    const rows: EvidenceRow[] = [];
    for (const [table, ids] of wanted) {
      rows.push(...(await proveRows(sql, table, ids, blocks)).map((row) => shown(row, blocks)));
    }
    const { rows: meta } = await sql.query<{ id: string; at: Date }>(
      'SELECT installation_id AS id, clock_timestamp() AS at FROM installation',
    );
    return writeEvidence({
      installationId: meta[0]!.id,
      withdrawalId,
      exportedAt: meta[0]!.at.toISOString(),
      rows,
      events: await eventsOf(sql, batchIds, subjects),
      blocks: [...blocks.values()].flatMap(({ header, publicKey, signature }) =>
        publicKey === null || signature === null
          ? []
          : [{ message: String(auditMessage(header)), publicKey, signature: toHex(signature) }],
      ),
      ...(await chainPartOf(sql, found.txId)),
    });
  });
}

/** Rows of a block without a signature count as not sealed. */
function shown({ table, id, text, proof }: RowProof, blocks: Map<bigint, Signed>): EvidenceRow {
  const signed = proof !== null && blocks.get(proof.height)!.signature !== null;
  return {
    ...{ table, id, text },
    proof: signed ? { ...proof, height: String(proof.height) } : null,
  };
}

async function findWithdrawal(
  sql: Sql,
  withdrawalId: string,
  tenantId: string | null,
): Promise<Found | null> {
  const { rows } = await sql.query<Found>(
    `SELECT t.tx_id AS "txId", array_remove(ARRAY[w.decision_id], NULL) AS "decisionIds",
       ARRAY(SELECT request_id FROM approval_request r WHERE r.owner_id = w.withdrawal_id) AS "requestIds",
       ARRAY(SELECT approval_id FROM approval a JOIN approval_request r USING (request_id)
         WHERE r.owner_id = w.withdrawal_id) AS "approvalIds",
       ARRAY(SELECT action_id FROM break_action a JOIN reconciliation_break k USING (break_id)
         WHERE k.owner_id = w.withdrawal_id) AS "actionIds",
       w.created_at - interval '1 minute' AS begin,
       greatest(w.updated_at, t.updated_at) + interval '1 minute' AS end
     FROM withdrawal w LEFT JOIN tx t ON t.owner_id = w.withdrawal_id AND t.owner_kind = 'withdrawal'
     WHERE w.withdrawal_id = $1 AND ($2::uuid IS NULL OR w.tenant_id = $2)`,
    [withdrawalId, tenantId],
  );
  return rows[0] ?? null;
}

/** Ids are time, by a clock that a fail-over may have set back: between a withdrawal's first and last change lie all its events and transfers. */
async function batchesOf(sql: Sql, subjects: string[], { begin, end }: Found): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT batch_id AS id FROM event_batch
     WHERE batch_id >= payonce_uuid_at($2) AND batch_id < payonce_uuid_at($3) AND subject_ids && $1::uuid[]`,
    [subjects, begin, end],
  );
  return rows.map(({ id }) => id);
}

async function transfersOf(sql: Sql, subjects: string[], { begin, end }: Found): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT transfer_id AS id FROM transfer
     WHERE transfer_id >= payonce_uuid_at($2) AND transfer_id < payonce_uuid_at($3) AND subject_id = ANY($1::uuid[])`,
    [subjects, begin, end],
  );
  return rows.map(({ id }) => id);
}

async function eventsOf(
  sql: Sql,
  batchIds: readonly string[],
  subjects: readonly string[],
): Promise<Evidence['events']> {
  const events: Evidence['events'] = [];
  for (const batchId of batchIds) {
    const items = await readItems(sql, batchId);
    events.push({
      batchId,
      hashes: items.map(({ hash }) => toHex(hash)),
      own: items
        .filter(({ subjectId }) => subjects.includes(subjectId))
        .map(({ n, text }) => ({ n, text })),
    });
  }
  return events;
}

async function chainPartOf(
  sql: Sql,
  txId: string | null,
): Promise<Pick<Evidence, 'slot' | 'attempts' | 'inclusions'>> {
  const slots = await sql.query<{
    chain_id: bigint;
    from_address: Buffer;
    nonce: bigint;
    effect_digest: Buffer;
  }>('SELECT chain_id, from_address, nonce, effect_digest FROM nonce_slot WHERE tx_id = $1', [
    txId,
  ]);
  const attempts = await sql.query<{ id: string; kind: string; hash: Buffer; raw: Buffer }>(
    `SELECT a.attempt_id AS id, a.kind, a.tx_hash AS hash, s.raw
     FROM attempt a JOIN signature s ON s.signature_request_id = a.attempt_id
     WHERE a.tx_id = $1 ORDER BY a.ordinal`,
    [txId],
  );
  const inclusions = await sql.query<{
    hash: Buffer;
    number: bigint;
    block: Buffer;
    succeeded: boolean;
    effect_ok: boolean;
    final: boolean;
  }>(
    `SELECT a.tx_hash AS hash, i.block_number AS number, i.block_hash AS block, i.succeeded, i.effect_ok,
       i.block_number <= h.finalized AND b.hash IS NOT NULL AS final
     FROM attempt a JOIN inclusion i USING (attempt_id) JOIN chain_head h ON h.chain_id = i.chain_id
     LEFT JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
     WHERE a.tx_id = $1 ORDER BY i.seen_at`,
    [txId],
  );
  const slot = slots.rows[0];
  return {
    slot:
      slot === undefined
        ? null
        : {
            chainId: String(slot.chain_id),
            from: toHex(slot.from_address),
            nonce: String(slot.nonce),
            effectDigest: toHex(slot.effect_digest),
          },
    attempts: attempts.rows.map(({ id, kind, hash, raw }) => ({
      ...{ id, kind, txHash: toHex(hash), raw: toHex(raw) },
    })),
    inclusions: inclusions.rows.map((row) => ({
      txHash: toHex(row.hash),
      blockNumber: String(row.number),
      blockHash: toHex(row.block),
      succeeded: row.succeeded,
      effectOk: row.effect_ok,
      final: row.final,
    })),
  };
}
