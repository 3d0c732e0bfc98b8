import type { Sql } from '../../base/db/index.ts';
import { type Hex, type Level, nonceKey, type TxState, toHex } from '../../base/kernel/index.ts';

type AttemptRow = {
  id: string;
  txHash: Hex;
  kind: 'effect' | 'filler';
  status: 'signed' | 'sent' | 'accepted' | 'included';
  maxFeePerGas: string;
  maxPriorityFeePerGas: string;
  sentAt: string | null;
  acceptedAt: string | null;
};

/** How far a transaction has come, as its owner may show it. */
export type TxProgress = {
  ownerId: string;
  txId: string;
  status: TxState;
  waiting: { reason: string; detail: string | null } | null;
  furthestLevel: Level;
  reorgs: number;
  failureCode: string | null;
  failureMessage: string | null;
  nonceKey: string | null;
  /** Whose nonce it has; null: none yet. */
  laneId: number | null;
  level: Level;
  blockNumber: bigint | null;
  blockHash: Hex | null;
  /** The hash in the canonical chain; else the newest. */
  txHash: Hex | null;
  attempts: AttemptRow[];
  decisionId: string | null;
};

/** Canonical and level are derived: a new head costs one row, not one per payment. */
export async function readProgress(
  sql: Sql,
  ownerIds: readonly string[],
): Promise<Map<string, TxProgress>> {
  const { rows } = await sql.query<{
    owner_id: string;
    tx_id: string;
    status: TxState;
    waiting: string | null;
    waiting_detail: string | null;
    furthest_level: Level;
    reorgs: number;
    failure_code: string | null;
    failure_message: string | null;
    decision_id: string | null;
    chain_id: bigint;
    from_address: Buffer | null;
    lane_id: number | null;
    nonce: bigint | null;
    block_number: bigint | null;
    block_hash: Buffer | null;
    included_attempt: string | null;
    safe: bigint | null;
    finalized: bigint | null;
    attempts: (Omit<AttemptRow, 'status'> & { status: 'signed' | 'sent' | 'accepted' })[] | null;
  }>({
    name: 'tx_progress',
    text: `
      SELECT t.owner_id, t.tx_id, t.status, t.waiting, t.waiting_detail, t.furthest_level, t.reorgs, t.failure_code,
        t.failure_message, t.decision_id, t.chain_id, s.from_address, s.lane_id, s.nonce, c.block_number, c.block_hash,
        c.attempt_id AS included_attempt, h.safe, h.finalized, a.attempts
      FROM tx t
      LEFT JOIN nonce_slot s USING (tx_id)
      LEFT JOIN chain_head h ON h.chain_id = t.chain_id
      LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object('id', attempt_id, 'txHash', '0x' || encode(tx_hash, 'hex'), 'kind', kind,
          'status', CASE WHEN accepted_at IS NOT NULL THEN 'accepted' WHEN first_sent_at IS NOT NULL THEN 'sent' ELSE 'signed' END,
          'maxFeePerGas', max_fee_per_gas::text, 'maxPriorityFeePerGas', max_priority_fee_per_gas::text,
          'sentAt', first_sent_at, 'acceptedAt', accepted_at) ORDER BY ordinal) AS attempts
        FROM attempt WHERE lane_id = s.lane_id AND nonce = s.nonce
      ) a ON true
      LEFT JOIN LATERAL (
        SELECT i.attempt_id, i.block_number, i.block_hash FROM attempt x
        JOIN inclusion i USING (attempt_id)
        JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
        WHERE x.lane_id = s.lane_id AND x.nonce = s.nonce LIMIT 1
      ) c ON true
      WHERE t.owner_id = ANY($1::uuid[])`,
    values: [ownerIds],
  });
  return new Map(
    rows.map((row) => {
      const attempts: AttemptRow[] = (row.attempts ?? []).map((attempt) => ({
        ...attempt,
        sentAt: utc(attempt.sentAt),
        acceptedAt: utc(attempt.acceptedAt),
        status: attempt.id === row.included_attempt ? 'included' : attempt.status,
      }));
      const included = attempts.find((attempt) => attempt.id === row.included_attempt);
      return [
        row.owner_id,
        {
          ownerId: row.owner_id,
          txId: row.tx_id,
          status: row.status,
          waiting:
            row.waiting === null ? null : { reason: row.waiting, detail: row.waiting_detail },
          furthestLevel: row.furthest_level,
          reorgs: row.reorgs,
          failureCode: row.failure_code,
          failureMessage: row.failure_message,
          decisionId: row.decision_id,
          laneId: row.lane_id,
          nonceKey:
            row.nonce === null
              ? null
              : nonceKey(Number(row.chain_id), toHex(row.from_address!), row.nonce),
          level: levelOf(row.block_number, row.safe, row.finalized),
          blockNumber: row.block_number,
          blockHash: row.block_hash === null ? null : toHex(row.block_hash),
          txHash: included?.txHash ?? attempts.at(-1)?.txHash ?? null,
          attempts,
        },
      ];
    }),
  );
}

/** JSON made by the database writes +00:00; ours is Z. */
function utc(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

export function levelOf(
  height: bigint | null,
  safe: bigint | null,
  finalized: bigint | null,
): Level {
  if (height === null) return 'none';
  if (finalized !== null && height <= finalized) return 'finalized';
  return safe !== null && height <= safe ? 'safe' : 'included';
}

/** Owners of the transaction that every given key names; unusable keys name nothing. */
export async function ownersOf(
  sql: Sql,
  keys: { txHash?: string; nonceKey?: string; attemptId?: string },
): Promise<string[]> {
  const hash = keys.txHash === undefined ? null : /^0x([0-9a-fA-F]{64})$/.exec(keys.txHash)?.[1];
  const slot =
    keys.nonceKey === undefined
      ? null
      : /^(\d{1,15}):0x([0-9a-fA-F]{40}):(\d{1,18})$/.exec(keys.nonceKey);
  if (hash === undefined || (keys.nonceKey !== undefined && slot === null)) return [];
  const { rows } = await sql.query<{ owner_id: string }>(
    `SELECT DISTINCT t.owner_id FROM tx t
     WHERE ($1::text IS NULL OR t.tx_id IN (SELECT tx_id FROM attempt WHERE tx_hash = decode($1, 'hex')))
       AND ($2::bigint IS NULL OR t.tx_id = (SELECT tx_id FROM nonce_slot
         WHERE chain_id = $2 AND from_address = decode($3, 'hex') AND nonce = $4))
       AND ($5::uuid IS NULL OR t.tx_id = (SELECT tx_id FROM attempt WHERE attempt_id = $5))
     LIMIT 10`,
    [hash, slot?.[1] ?? null, slot?.[2] ?? null, slot?.[3] ?? null, keys.attemptId ?? null],
  );
  return rows.map((row) => row.owner_id);
}
