import { type Db, HEX_BYTES, inTransaction, type Sql } from '../../base/db/index.ts';
import { fromHex } from '../../base/kernel/index.ts';
import { type Order, type OrderRow, orderOf } from './grammar.ts';
import type { Seal } from './handshake/chain.ts';

/** Runs first in the transaction that claims, and throws where nothing may be claimed. */
type Guard = (sql: Sql) => Promise<void>;

/** Freezes by operators, none on most days; what one does not name it covers. */
const STANDING = `standing AS MATERIALIZED (
  SELECT * FROM operator_freeze f WHERE NOT EXISTS (
    SELECT FROM operator_freeze_lift l WHERE l.freeze_id = f.freeze_id))`;
/** Whether the freeze f covers the tx t of the request r. */
const COVERS = `(f.tenant_id IS NULL OR f.tenant_id = t.tenant_id) AND (f.chain_id IS NULL OR f.chain_id = t.chain_id)
  AND (f.lane_id IS NULL OR f.lane_id = r.lane_id) AND (f.asset IS NULL OR f.asset = t.asset)`;

/**
 * Whether a decision by the stored document p, or by the configuration where there is none, is still good. The configuration
 * decides about x402 payments while no rule of a document is about them, and no withdrawal once a document rules.
 */
const DECISION_STANDS = `CASE WHEN p.version IS NULL
  THEN t.owner_kind <> 'withdrawal' OR NOT EXISTS (SELECT FROM policy_standing)
  ELSE EXISTS (SELECT FROM policy_standing v WHERE v.version = p.version) END`;

/** What hangs on a request or a question r, and the joins that find it. */
const INTENT = `i.installation_id, l.chain_id AS lane_chain_id, l.address AS lane_address, l.tenant_id AS lane_tenant_id,
  l.epoch AS current_epoch, t.tenant_id, n.name AS tenant, t.owner_kind, t.owner_id, t.intent_id, t.operation,
  t.idempotency_key, t.chain_id AS tx_chain_id, t.asset, t.token, t.recipient, t.amount, t.payer_authorization,
  t.correlation_id, d.decision_id, d.tenant_id AS decision_tenant_id, d.subject_id, d.policy_version,
  p.version IS NOT NULL AS by_document, ${DECISION_STANDS} AS decision_stands, d.verdict, d.tier,
  c.tx_id AS consumed_by, h.halted_reason, (SELECT f.scope FROM standing f WHERE ${COVERS} LIMIT 1) AS frozen_scope`;
const INTENT_ROWS = `JOIN lane l ON l.lane_id = r.lane_id
  JOIN tx t ON t.tx_id = r.tx_id
  JOIN tenant n ON n.tenant_id = t.tenant_id
  LEFT JOIN decision d ON d.decision_id = t.decision_id
  LEFT JOIN decision_consumed c ON c.decision_id = d.decision_id
  LEFT JOIN policy_version p ON p.version = d.policy_version
  CROSS JOIN installation i`;

/**
 * Claims up to `limit` open orders, oldest first, and returns their ids. Open, so that they can be cancelled, stay a halted
 * chain's and a first effect that is frozen or past its expiry. Skips locked rows: a cancel that holds one wins.
 * Nothing is joined but each order's tx by its key: the planner thought that a join with the chains' heads leaves few, and so
 * read and sorted every open order for each batch (35 pages for each that it claimed instead of 13, with 8,000 open).
 */
export async function claimOpen(
  main: Db,
  name: string,
  limit: number,
  guard: Guard,
): Promise<string[]> {
  return inTransaction(main, async (sql) => {
    await guard(sql);
    const { rows } = await sql.query<{ signature_request_id: string }>({
      name: 'signer_claim_open',
      text: `
        WITH ${STANDING}, open AS MATERIALIZED (
          SELECT r.signature_request_id
          FROM signature_request r CROSS JOIN LATERAL (
            SELECT tenant_id, chain_id, asset, expires_at FROM tx WHERE tx_id = r.tx_id OFFSET 0) t
          WHERE r.claimed_at IS NULL AND r.cancelled_at IS NULL
            AND t.chain_id <> ALL (ARRAY(SELECT chain_id FROM chain_head WHERE halted_reason IS NOT NULL))
            AND (r.kind = 'filler'
              OR (t.expires_at IS NULL OR t.expires_at > now())
                AND NOT EXISTS (SELECT FROM standing f WHERE ${COVERS})
              OR EXISTS (SELECT FROM signature_request e WHERE e.lane_id = r.lane_id AND e.nonce = r.nonce
                AND e.kind = 'effect' AND e.claimed_at IS NOT NULL))
          ORDER BY r.signature_request_id LIMIT $2
          FOR UPDATE OF r SKIP LOCKED
        )
        UPDATE signature_request r SET claimed_by = $1, claimed_at = now()
        FROM open WHERE r.signature_request_id = open.signature_request_id
          AND r.signature_request_id = ANY(ARRAY(SELECT signature_request_id FROM open))
        RETURNING r.signature_request_id`,
      values: [name, limit],
    });
    return rows.map((row) => row.signature_request_id);
  });
}

/** Below this id every order has its signature or was cancelled. Ids are UUIDv7: time. */
export type Watermark = { floor: string };

export const NO_WATERMARK = '00000000-0000-0000-0000-000000000000';

/**
 * Takes over claims older than `olderThanMs` that have no signature: their signer died. Never
 * un-claims: they count as signed. Starts at the watermark and raises it, since signed orders stay for
 * ever; two minutes behind the clock, more than a transaction may last, so that no order that
 * commits late is missed.
 */
export async function claimAbandoned(
  main: Db,
  name: string,
  {
    limit,
    olderThanMs,
    watermark,
    guard,
  }: { limit: number; olderThanMs: number; watermark: Watermark; guard: Guard },
): Promise<string[]> {
  return inTransaction(main, async (sql) => {
    await guard(sql);
    const { rows } = await sql.query<{ signature_request_id: string }>({
      name: 'signer_claim_abandoned',
      text: `
        WITH abandoned AS MATERIALIZED (
          SELECT r.signature_request_id
          FROM signature_request r
          JOIN tx t ON t.tx_id = r.tx_id
          LEFT JOIN chain_head h ON h.chain_id = t.chain_id
          WHERE r.signature_request_id >= $3 AND h.halted_reason IS NULL
            AND r.claimed_at <= now() - $4 * interval '1 millisecond'
            AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)
          ORDER BY r.signature_request_id LIMIT $2
          FOR UPDATE OF r SKIP LOCKED
        )
        UPDATE signature_request r SET claimed_by = $1, claimed_at = now()
        FROM abandoned WHERE r.signature_request_id = abandoned.signature_request_id
        RETURNING r.signature_request_id`,
      values: [name, limit, watermark.floor, olderThanMs],
    });
    const floor = await sql.query<{ floor: string }>({
      name: 'signer_watermark',
      text: `SELECT least(payonce_uuid_at(now() - interval '2 minutes'), (
          SELECT r.signature_request_id FROM signature_request r
          WHERE r.signature_request_id >= $1 AND r.cancelled_at IS NULL
            AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)
          ORDER BY r.signature_request_id LIMIT 1)) AS floor`,
      values: [watermark.floor],
    });
    watermark.floor = floor.rows[0]!.floor;
    return rows.map((row) => row.signature_request_id);
  });
}

/**
 * The raw rows behind claimed orders, by lane and nonce; no lock, no judgement. One that is not claimed is left
 * out: a database put back may have forgotten the claim, and such an order can still be cancelled. Requests and
 * slots are looked up by their keys: left to itself the planner walks every request of a lane in the
 * order asked for, and joins by the lane alone.
 */
export async function ordersGet(main: Db, ids: readonly string[]): Promise<Order[]> {
  const rows = await inTransaction(main, async (sql) => {
    const result = await sql.query<OrderRow>({
      name: 'signer_orders_get',
      types: HEX_BYTES,
      text: `
        WITH ${STANDING}, r AS MATERIALIZED (
          SELECT * FROM signature_request
          WHERE signature_request_id = ANY($1::uuid[]) AND claimed_at IS NOT NULL
        )
        SELECT r.signature_request_id, r.tx_id, r.kind, r.tx_type, r.gas_limit, r.max_fee_per_gas,
          r.max_priority_fee_per_gas, r.lane_epoch, s.tx_id AS slot_tx_id, s.chain_id AS slot_chain_id,
          s.from_address, s.nonce, s.effect_digest, ${INTENT}
        FROM r
        CROSS JOIN LATERAL (SELECT * FROM nonce_slot WHERE lane_id = r.lane_id AND nonce = r.nonce OFFSET 0) s
        LEFT JOIN chain_head h ON h.chain_id = s.chain_id
        ${INTENT_ROWS} ORDER BY r.lane_id, r.nonce, r.ordinal`,
      values: [ids],
    });
    return result.rows;
  });
  return rows.map(orderOf);
}

/** A question about a transaction without a slot, as an order for the slot that it would get; `order.requestId` is its tx. */
type Question = {
  order: Order;
  question: number;
  /** It may still get a slot. */
  open: boolean;
};

/**
 * The oldest open questions, with the raw rows behind them; no lock, no judgement. What is frozen or halted waits, as
 * claimOpen() leaves it.
 */
export async function questionsGet(main: Db, limit: number): Promise<Question[]> {
  const rows = await inTransaction(main, async (sql) => {
    const result = await sql.query<OrderRow & { question: number; open: boolean }>({
      name: 'signer_questions_get',
      types: HEX_BYTES,
      text: `
        WITH ${STANDING}, r AS MATERIALIZED (
          SELECT r.* FROM dry_verdict r JOIN tx t USING (tx_id) LEFT JOIN chain_head h ON h.chain_id = t.chain_id
          WHERE r.answered < r.question AND h.halted_reason IS NULL
            AND NOT EXISTS (SELECT FROM standing f WHERE ${COVERS})
          ORDER BY r.asked_at LIMIT $1
        )
        SELECT r.tx_id AS signature_request_id, r.tx_id, 'effect' AS kind, r.tx_type, r.gas_limit, r.max_fee_per_gas,
          r.max_priority_fee_per_gas, l.epoch AS lane_epoch, r.tx_id AS slot_tx_id, l.chain_id AS slot_chain_id,
          l.address AS from_address, 0::bigint AS nonce, ''::bytea AS effect_digest, r.question, t.status = 'CREATED' AS open,
          ${INTENT}
        FROM r ${INTENT_ROWS} LEFT JOIN chain_head h ON h.chain_id = t.chain_id ORDER BY r.asked_at, r.tx_id`,
      values: [limit],
    });
    return result.rows;
  });
  return rows.map((row) => ({ order: orderOf(row), question: row.question, open: row.open }));
}

export type Handed = {
  requestId: string;
  signed: { raw: Buffer; hash: Buffer } | null;
  refusal: { code: string; message: string } | null;
};

/**
 * Hands signatures and refusals over, seals the database with the journal's head, and wakes the collector. A
 * request that has its answer keeps it; the seal only rises. False, and nothing done, when the seal is below
 * `atLeast` or the first order is not claimed: this database is older than the one that the orders came from.
 */
export async function signaturesInsert(
  main: Db,
  handed: readonly Handed[],
  { seal, atLeast }: { seal: Seal; atLeast: bigint },
): Promise<boolean> {
  return inTransaction(main, async (sql) => {
    const { rows } = await sql.query<{ sealed: number }>({
      name: 'signer_signatures_insert',
      text: `WITH sealed AS (
          UPDATE journal_seal SET height = greatest(height, $6),
            hash = CASE WHEN height < $6 THEN $7 ELSE hash END
          WHERE height >= $8 AND EXISTS (
            SELECT FROM signature_request WHERE signature_request_id = $9 AND claimed_at IS NOT NULL)
          RETURNING 1
        ), given AS (
          INSERT INTO signature (signature_request_id, tx_hash, raw, refusal_code, refusal_message)
          SELECT s.* FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::text[]) AS s, sealed
          ON CONFLICT (signature_request_id) DO NOTHING
        )
        SELECT count(*)::int AS sealed FROM sealed`,
      values: [
        handed.map(({ requestId }) => requestId),
        handed.map(({ signed }) => signed?.hash ?? null),
        handed.map(({ signed }) => signed?.raw ?? null),
        handed.map(({ refusal }) => refusal?.code ?? null),
        handed.map(({ refusal }) => refusal?.message ?? null),
        seal.height,
        fromHex(seal.hash),
        atLeast,
        handed[0]?.requestId,
      ],
    });
    if (rows[0]!.sealed === 0) return false;
    await sql.query(`SELECT pg_notify('payonce_signature', '')`);
    return true;
  });
}
