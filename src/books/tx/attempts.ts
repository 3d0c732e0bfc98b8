import { advance, HEX_BYTES, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { type Address, fromHex, type Hex, TX } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { TX_TOPICS } from './topics.ts';

/**
 * Nothing of attempt or request `of` is to be sent: its nonce is consumed, or it is the effect of what ended unpaid, whose
 * reserve was released, also when a declared reorg took that end back.
 */
const settledSql = (of: string) => `(${of}.nonce < p.mined_nonce
  OR ${of}.kind = 'effect' AND t.status IN ('REVERTED', 'REPLACED', 'CANCELLED'))`;

type Collected = Omit<SendableAttempt, 'attemptId' | 'txHash' | 'bytes' | 'chainId' | 'sends'> & {
  /** Null: it was refused. */
  attemptId: string | null;
  requestId: string;
  ordinal: number;
  txHash: Hex;
  bytes: Hex;
  chainId: bigint;
  tenantId: string;
  refusalCode: string | null;
  refusalMessage: string | null;
};

/**
 * Takes what the signer gave and nobody took yet: signed bytes become attempts, the refusal of a slot's first effect
 * closes it by the filler; a further attempt that was refused leaves those before it. One act in the caller's
 * transaction; whoever collects twice finds nothing. Returns how many signatures were taken, and the attempts
 * for the caller to send once this is committed: no job stands behind them, since those that were never sent
 * are found by enqueueResends.
 */
export async function collectSignatures(
  sql: Sql,
  limit: number,
): Promise<{ taken: number; attempts: SendableAttempt[] }> {
  const { rows } = await sql.query<Collected>({
    name: 'signature_collect',
    types: HEX_BYTES,
    text: `
      WITH s AS MATERIALIZED (
        SELECT signature_request_id, tx_hash, raw, refusal_code, refusal_message FROM signature
        WHERE collected_at IS NULL ORDER BY signature_request_id LIMIT $1 FOR UPDATE SKIP LOCKED
      ), taken AS (
        UPDATE signature SET collected_at = now() FROM s
        WHERE signature.signature_request_id = s.signature_request_id
      ), full_rows AS MATERIALIZED (
        SELECT s.*, r.lane_id, r.nonce, r.ordinal, r.tx_id, r.kind, r.max_fee_per_gas, r.max_priority_fee_per_gas,
          t.tenant_id, t.chain_id, t.correlation_id, t.status
        FROM s JOIN signature_request r USING (signature_request_id) JOIN tx t USING (tx_id)
      ), made AS (
        INSERT INTO attempt (attempt_id, tenant_id, lane_id, nonce, ordinal, chain_id, tx_id, kind, tx_hash,
          max_fee_per_gas, max_priority_fee_per_gas)
        SELECT signature_request_id, tenant_id, lane_id, nonce, ordinal, chain_id, tx_id, kind, tx_hash,
          max_fee_per_gas, max_priority_fee_per_gas FROM full_rows WHERE tx_hash IS NOT NULL
      )
      SELECT f.tx_id AS "txId", f.tenant_id AS "tenantId", f.correlation_id AS "correlationId",
        CASE WHEN f.tx_hash IS NOT NULL THEN f.signature_request_id END AS "attemptId",
        f.signature_request_id AS "requestId", f.ordinal,
        f.status AS "txStatus", f.kind, f.refusal_code AS "refusalCode", f.refusal_message AS "refusalMessage",
        f.lane_id AS "laneId", f.chain_id AS "chainId", f.nonce, f.tx_hash AS "txHash", f.raw AS bytes,
        l.address AS "from", ${settledSql('f')} AS settled
      FROM full_rows f JOIN tx t USING (tx_id) JOIN lane l USING (lane_id) JOIN lane_progress p USING (lane_id)
      ORDER BY f.lane_id, f.nonce, f.ordinal`,
    values: [limit],
  });
  if (rows.length === 0) return { taken: 0, attempts: [] };
  const signed = rows.filter((row) => row.attemptId !== null);
  const first = new Set(signed.filter((row) => row.txStatus === 'SLOTTED').map(({ txId }) => txId));
  const moved = await advance(
    sql,
    TX,
    [...first].map((id) => ({ id, from: 'SLOTTED', to: 'SIGNED' })),
  );
  await takeRefusals(
    sql,
    rows.filter((row) => row.refusalCode !== null),
  );
  const attempts = signed.map((row) => ({
    ...row,
    attemptId: row.attemptId!,
    chainId: Number(row.chainId),
    bytes: fromHex(row.bytes),
    txStatus: moved.has(row.txId) ? 'SIGNED' : row.txStatus,
    sends: 0,
  }));
  return { taken: rows.length, attempts };
}

/**
 * Until a filler that was refused is offered again: whoever can mend why has been told. Twice as long each time, since
 * each offer is an order that stays in the books.
 */
const FILL_AGAIN_MS = { first: 60_000, most: 600_000 };

/** The first filler is the second order of its slot. */
function fillAgainMs(ordinal: number): number {
  const { first, most } = FILL_AGAIN_MS;
  return Math.min(most, first * 2 ** Math.max(0, Math.min(ordinal - 2, 30)));
}

/** Those of these requests before which a filler of the same slot was refused for the same reason. */
async function toldBefore(sql: Sql, rows: readonly Collected[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  const { rows: told } = await sql.query<{ id: string }>({
    name: 'refusal_told_before',
    text: `
      SELECT u.id FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::text[])
        AS u(id, lane_id, nonce, ordinal, code)
      JOIN signature_request b ON b.lane_id = u.lane_id AND b.nonce = u.nonce AND b.ordinal = u.ordinal - 1
        AND b.kind = 'filler'
      JOIN signature g ON g.signature_request_id = b.signature_request_id AND g.refusal_code = u.code`,
    values: [
      rows.map((row) => row.requestId),
      rows.map((row) => row.laneId),
      rows.map((row) => row.nonce),
      rows.map((row) => row.ordinal),
      rows.map((row) => row.refusalCode),
    ],
  });
  return new Set(told.map(({ id }) => id));
}

async function takeRefusals(sql: Sql, rows: readonly Collected[]): Promise<void> {
  if (rows.length === 0) return;
  const closing = rows.filter((row) => row.kind === 'effect' && row.txStatus === 'SLOTTED');
  await sql.query(
    `UPDATE tx t SET failure_code = 'signer_refused', failure_message = u.message, updated_at = now()
     FROM unnest($1::uuid[], $2::text[]) AS u(tx_id, message) WHERE t.tx_id = u.tx_id`,
    [
      closing.map((row) => row.txId),
      closing.map((row) => `${row.refusalCode}: ${row.refusalMessage ?? ''}`),
    ],
  );
  const further = rows.filter((row) => !closing.includes(row));
  // Of a slot of which nothing is signed nobody else asks for a filler, and the lane stands behind it.
  const unfilled = further.filter((row) => row.kind === 'filler' && row.txStatus === 'SLOTTED');
  const told = await toldBefore(sql, unfilled);
  const news = further.filter((row) => !told.has(row.requestId));
  await writeEvents(
    sql,
    news.map((row) => ({
      tenantId: row.tenantId,
      type: row.kind === 'filler' ? 'tx.filler_refused' : 'tx.replacement_refused',
      subjectId: row.txId,
      correlationId: row.correlationId,
      data: { code: row.refusalCode, message: row.refusalMessage },
    })),
  );
  const job = (row: Collected) => ({
    topic: TX_TOPICS.fill,
    subjectId: row.txId,
    tenantId: row.tenantId,
    trace: row.correlationId,
  });
  await enqueue(sql, [
    ...closing.map(job),
    ...unfilled.map((row) => ({ ...job(row), delayMs: fillAgainMs(row.ordinal) })),
  ]);
}

export type SendableAttempt = {
  attemptId: string;
  txId: string;
  laneId: number;
  chainId: number;
  from: Address;
  nonce: bigint;
  kind: 'effect' | 'filler';
  txHash: Hex;
  bytes: Buffer;
  txStatus: string;
  tenantId: string;
  correlationId: string;
  /** In the canonical chain, its nonce is consumed, or it has ended unpaid: nothing to send. */
  settled: boolean;
  sends: number;
};

/**
 * Attempts with their bytes, in the order of lane and nonce. The slot is looked up by its key (OFFSET 0 keeps the
 * planner from joining by lane, of which there are few with many slots each: 38 instead of 5 ms a batch).
 */
export async function readSendable(
  sql: Sql,
  attemptIds: readonly string[],
): Promise<SendableAttempt[]> {
  const { rows } = await sql.query<
    Omit<SendableAttempt, 'bytes' | 'chainId'> & { bytes: Hex; chainId: bigint }
  >({
    name: 'attempt_sendable',
    types: HEX_BYTES,
    text: `
      SELECT a.attempt_id AS "attemptId", a.tx_id AS "txId", a.lane_id AS "laneId", a.chain_id AS "chainId",
        s.from_address AS "from", a.nonce, a.kind, a.tx_hash AS "txHash", g.raw AS bytes, t.status AS "txStatus",
        t.tenant_id AS "tenantId", t.correlation_id AS "correlationId", ${settledSql('a')} AS settled, a.sends
      FROM attempt a
      JOIN signature g ON g.signature_request_id = a.attempt_id
      CROSS JOIN LATERAL (
        SELECT * FROM nonce_slot WHERE lane_id = a.lane_id AND nonce = a.nonce OFFSET 0) s
      JOIN lane_progress p ON p.lane_id = a.lane_id
      JOIN tx t ON t.tx_id = a.tx_id
      WHERE a.attempt_id = ANY($1::uuid[]) ORDER BY a.lane_id, a.nonce, a.ordinal`,
    values: [attemptIds],
  });
  return rows.map((row) => ({
    ...row,
    chainId: Number(row.chainId),
    bytes: fromHex(row.bytes),
  }));
}

type SendRecord = { attemptId: string; accepted: boolean; answer: string };

/** Records sends: when, how often, and what the node said; accepted once is accepted for ever. */
export async function recordSends(sql: Sql, records: readonly SendRecord[]): Promise<void> {
  if (records.length === 0) return;
  await sql.query({
    name: 'attempt_sent',
    text: `
      UPDATE attempt a SET first_sent_at = coalesce(first_sent_at, now()), last_sent_at = now(), sends = sends + 1,
        accepted_at = coalesce(accepted_at, CASE WHEN u.accepted THEN now() END), last_answer = u.answer
      FROM unnest($1::uuid[], $2::bool[], $3::text[]) AS u(attempt_id, accepted, answer)
      WHERE a.attempt_id = u.attempt_id`,
    values: [
      records.map((record) => record.attemptId),
      records.map((record) => record.accepted),
      records.map((record) => record.answer.slice(0, 300)),
    ],
  });
}

/** Blocks tell what a node has dropped; one that has no blocks to show is asked again after so many times as long. */
const WITHOUT_BLOCKS = 20;

/**
 * Asks for the bytes of attempts to be sent again: of slots that the chain has not consumed the newest attempt, and
 * the newest that a node took, which may be another one; never the effect of what ended unpaid, whose reserve was
 * released, also when a declared reorg took that end back. Due are those made before `unsentMs` and never
 * sent, and those last sent before `olderThanMs`: at once where no node took them yet; else when a block came since
 * and passed them over, and much later without one, for a node that lost its pool on a chain that waits for
 * transactions. Derived from facts, so nothing is forgotten whatever crashed. Returns how many.
 */
export async function enqueueResends(
  sql: Sql,
  chainId: number,
  due: { olderThanMs: number; unsentMs: number },
  limit: number,
): Promise<number> {
  const { rows } = await sql.query<{
    attempt_id: string;
    tenant_id: string;
    correlation_id: string;
  }>({
    name: 'attempt_resend',
    text: `
      SELECT a.attempt_id, a.tenant_id, t.correlation_id
      FROM lane l JOIN lane_progress p USING (lane_id) JOIN chain_head h ON h.chain_id = l.chain_id
      JOIN LATERAL (SELECT x.*, max(x.ordinal) OVER slot AS newest,
          max(x.ordinal) FILTER (WHERE x.accepted_at IS NOT NULL) OVER slot AS taken
        FROM attempt x WHERE x.lane_id = l.lane_id AND x.nonce >= p.mined_nonce
        WINDOW slot AS (PARTITION BY x.nonce)) a ON a.ordinal IN (a.newest, a.taken)
      JOIN tx t USING (tx_id)
      WHERE l.chain_id = $1 AND p.mined_nonce < l.next_nonce
        AND (a.last_sent_at < now() - $2 * interval '1 millisecond'
          OR a.last_sent_at IS NULL AND a.created_at < now() - $6 * interval '1 millisecond')
        AND (a.accepted_at IS NULL OR a.last_sent_at < h.advanced_at
          OR a.last_sent_at < now() - $5 * ($2 * interval '1 millisecond'))
        AND NOT (a.kind = 'effect' AND t.status IN ('REVERTED', 'REPLACED', 'CANCELLED'))
        AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = $4 AND j.subject_id = a.attempt_id)
      ORDER BY a.lane_id, a.nonce LIMIT $3`,
    values: [chainId, due.olderThanMs, limit, TX_TOPICS.send, WITHOUT_BLOCKS, due.unsentMs],
  });
  await enqueue(
    sql,
    rows.map((row) => ({
      topic: TX_TOPICS.send,
      subjectId: row.attempt_id,
      tenantId: row.tenant_id,
      trace: row.correlation_id,
    })),
  );
  return rows.length;
}
