import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { AuthorizationMethod, Ceiling } from '../../../base/effect/index.ts';
import type { Address, Hex, PaymentState, SettleAt, TxState } from '../../../base/kernel/index.ts';
import { merchantAccount } from '../../../books/access/index.ts';
import { readTrace, type StoredTrace } from '../../../books/policy/index.ts';

/** A payment with what its transaction and the canonical chain show of it. */
export type PaymentRow = {
  id: string;
  tenantId: string;
  merchantId: string;
  merchantName: string;
  status: PaymentState;
  endpoint: string;
  pricedEndpoint: string | null;
  identifier: string | null;
  authorizationId: Hex;
  method: AuthorizationMethod;
  convergedOn: string | null;
  chainId: number;
  asset: string;
  token: Address;
  payer: Address;
  payTo: Address;
  /** What is charged; of `upto`, until that is known, the most. */
  amount: bigint;
  /** On its way back to the payer, or there. */
  refunded: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
  signature: Hex;
  ceiling: Ceiling | null;
  waitUntil: SettleAt;
  riskTier: string;
  commitAt: 'safe' | 'finalized';
  delivered: boolean;
  failureCode: string | null;
  /** That denied it, or that persons were asked about; null: neither. */
  decisionId: string | null;
  correlationId: string;
  createdAt: Date;
  updatedAt: Date;
  tx: {
    txId: string;
    status: TxState;
    waiting: string | null;
    failureCode: string | null;
    /** Of its newest bytes that pay. */
    newestHash: Hex | null;
  } | null;
  /** Where the canonical chain holds the payment, whoever sent it. */
  paid: { txHash: Hex; blockNumber: number; blockHash: Hex } | null;
  /** The own wallet that it pays to, and the merchant's account that it is owed to; null: it pays somebody else. */
  custody: { laneId: number; account: string } | null;
  /** The wallet that alone may take it; null: any. */
  takenBy: number | null;
  /** Null: the chain was never walked. */
  head: { latest: number; safe: number; finalized: number; halted: boolean } | null;
};

type Raw = Omit<PaymentRow, 'chainId' | 'ceiling' | 'tx' | 'paid' | 'custody' | 'head'> & {
  most: bigint;
  facilitator: Address | null;
  lane_id: number | null;
  chain_id: bigint;
  tx_id: string | null;
  tx_status: TxState;
  waiting: string | null;
  tx_failure: string | null;
  newest_hash: Hex | null;
  paid_hash: Hex | null;
  block_number: bigint;
  block_hash: Hex;
  latest: bigint | null;
  safe: bigint;
  finalized: bigint;
  halted: boolean;
};

const SELECT = `
  SELECT p.payment_id AS id, p.tenant_id AS "tenantId", p.merchant_id AS "merchantId", p.status, p.endpoint,
    p.priced_endpoint AS "pricedEndpoint",
    p.idempotency_key AS identifier, p.authorization_id AS "authorizationId", p.method, p.converged_on AS "convergedOn",
    p.chain_id, p.asset, p.token, p.payer, p.pay_to AS "payTo", coalesce(p.charged, p.amount) AS amount, p.amount AS most,
    p.facilitator, f.lane_id AS "takenBy", p.valid_after AS "validAfter",
    p.valid_before AS "validBefore", p.nonce, p.signature, p.wait_until AS "waitUntil", p.commit_at AS "commitAt",
    p.risk_tier AS "riskTier", p.delivered_at IS NOT NULL AS delivered, p.failure_code AS "failureCode",
    p.decision_id AS "decisionId", p.correlation_id AS "correlationId",
    p.created_at AS "createdAt", p.updated_at AS "updatedAt", p.lane_id, m.name AS "merchantName",
    p.refunded,
    t.tx_id, t.status AS tx_status, t.waiting, t.failure_code AS tx_failure, a.tx_hash AS newest_hash,
    coalesce(c.tx_hash, l.tx_hash) AS paid_hash, coalesce(c.block_number, l.block_number) AS block_number,
    coalesce(c.block_hash, l.block_hash) AS block_hash, h.latest, h.safe, h.finalized,
    h.halted_reason IS NOT NULL AS halted
  FROM payment p JOIN merchant m USING (merchant_id)
  LEFT JOIN lane f ON f.chain_id = p.chain_id AND f.address = p.facilitator
  LEFT JOIN tx t ON t.owner_id = p.payment_id
  LEFT JOIN nonce_slot s ON s.tx_id = t.tx_id
  LEFT JOIN LATERAL (
    SELECT tx_hash FROM attempt WHERE lane_id = s.lane_id AND nonce = s.nonce AND kind = 'effect'
    ORDER BY ordinal DESC LIMIT 1) a ON true
  LEFT JOIN LATERAL (
    SELECT x.tx_hash, i.block_number, i.block_hash FROM attempt x JOIN inclusion i USING (attempt_id)
    JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
    WHERE x.lane_id = s.lane_id AND x.nonce = s.nonce AND x.kind = 'effect' AND i.succeeded AND i.effect_ok
    LIMIT 1) c ON true
  LEFT JOIN LATERAL (
    SELECT f.tx_hash, f.block_number, f.block_hash FROM payment_landing f
    JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
    WHERE f.payment_id = p.payment_id LIMIT 1) l ON true
  LEFT JOIN chain_head h ON h.chain_id = p.chain_id`;

/** Payments by id as they are now, no lock; those that were only asked for have nothing to show yet. */
export async function readPayments(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, PaymentRow>> {
  const { rows } = await sql.query<Raw>({
    name: 'payment_read',
    types: HEX_BYTES,
    text: `${SELECT} WHERE p.payment_id = ANY($1::uuid[]) AND p.authorization_id IS NOT NULL`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, fromRaw(row)]));
}

/** The same in the order asked, one for each; they are known to be there. */
export async function readEach(sql: Sql, ids: readonly string[]): Promise<PaymentRow[]> {
  const rows = await readPayments(sql, [...new Set(ids)]);
  return ids.map((id) => rows.get(id)!);
}

/** Of a transaction that a block holds, or that is over: as long as it stands before, nothing is to be told of its payment. */
const ON_CHAIN: readonly TxState[] = ['INCLUDED', 'FINAL', 'REVERTED', 'REPLACED', 'CANCELLED'];

/** A block holds its payment, or its transaction has come so far: each head may say more of it. */
export function isOnChain({ tx, paid }: Pick<PaymentRow, 'tx' | 'paid'>): boolean {
  return paid !== null || (tx !== null && ON_CHAIN.includes(tx.status));
}

/**
 * Those that stand elsewhere than they were seen: in another state, or their transactions have come to the chain or ended. At
 * a fraction of what reading them costs.
 */
export async function readMoved(
  sql: Sql,
  seen: ReadonlyMap<string, Pick<PaymentRow, 'status' | 'tx'>>,
): Promise<string[]> {
  const rows = [...seen.values()];
  const moved = await sql.query<{ id: string }>({
    name: 'payment_moved',
    text: `SELECT p.payment_id AS id FROM payment p
      JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS u(id, status, tx_status) ON u.id = p.payment_id
      LEFT JOIN tx t ON t.owner_id = p.payment_id
      WHERE p.payment_id = ANY($1::uuid[])
        AND (p.status <> u.status OR (t.status = ANY($4::text[]) AND t.status IS DISTINCT FROM u.tx_status))`,
    values: [
      [...seen.keys()],
      rows.map(({ status }) => status),
      rows.map(({ tx }) => tx?.status ?? null),
      ON_CHAIN,
    ],
  });
  return moved.rows.map(({ id }) => id);
}

/** Persons were asked about it, and nothing is reserved before they have answered. */
export function awaitsPersons({ status, decisionId }: Pick<PaymentRow, 'status' | 'decisionId'>) {
  return status === 'AUTH_VERIFIED' && decisionId !== null;
}

/** By id, as every other step does. */
export async function lockPayments(sql: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.query({
    name: 'payment_lock',
    text: `SELECT 1 FROM payment WHERE payment_id = ANY($1::uuid[]) ORDER BY payment_id FOR UPDATE`,
    values: [ids],
  });
}

/** Member by member: rest patterns over rows as wide as these took twice the time of reading them. */
function fromRaw(row: Raw): PaymentRow {
  return {
    id: row.id,
    tenantId: row.tenantId,
    merchantId: row.merchantId,
    merchantName: row.merchantName,
    status: row.status,
    endpoint: row.endpoint,
    pricedEndpoint: row.pricedEndpoint,
    identifier: row.identifier,
    authorizationId: row.authorizationId,
    method: row.method,
    convergedOn: row.convergedOn,
    chainId: Number(row.chain_id),
    asset: row.asset,
    token: row.token,
    payer: row.payer,
    payTo: row.payTo,
    amount: row.amount,
    refunded: row.refunded,
    validAfter: row.validAfter,
    validBefore: row.validBefore,
    nonce: row.nonce,
    signature: row.signature,
    ceiling: row.facilitator === null ? null : { most: row.most, facilitator: row.facilitator },
    waitUntil: row.waitUntil,
    commitAt: row.commitAt,
    riskTier: row.riskTier,
    delivered: row.delivered,
    failureCode: row.failureCode,
    decisionId: row.decisionId,
    correlationId: row.correlationId,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    tx: txOf(row),
    paid: paidOf(row),
    custody: custodyOf(row),
    takenBy: row.takenBy,
    head: headOf(row),
  };
}

function txOf(row: Raw): PaymentRow['tx'] {
  if (row.tx_id === null) return null;
  const { tx_id: txId, tx_status: status, waiting, tx_failure: failureCode, newest_hash } = row;
  return { txId, status, waiting, failureCode, newestHash: newest_hash };
}

function paidOf({ paid_hash, block_number, block_hash }: Raw): PaymentRow['paid'] {
  if (paid_hash === null) return null;
  return { txHash: paid_hash, blockNumber: Number(block_number), blockHash: block_hash };
}

function custodyOf({ lane_id: laneId, merchantName: name }: Raw): PaymentRow['custody'] {
  return laneId === null ? null : { laneId, account: merchantAccount({ name }) };
}

function headOf({ latest, safe, finalized, halted }: Raw): PaymentRow['head'] {
  if (latest === null) return null;
  return { latest: Number(latest), safe: Number(safe), finalized: Number(finalized), halted };
}

/** Ids of a tenant's payments that every given key names, newest first. */
export async function findPayments(
  sql: Sql,
  tenantId: string,
  keys: { authorizationId?: Hex; txHash?: Hex; identifier?: string },
): Promise<string[]> {
  const bytes = (hex: Hex | undefined) =>
    hex === undefined ? null : Buffer.from(hex.slice(2), 'hex');
  const { rows } = await sql.query<{ id: string }>(
    `SELECT p.payment_id AS id FROM payment p
     WHERE p.tenant_id = $1 AND p.authorization_id IS NOT NULL
       AND ($2::bytea IS NULL OR p.authorization_id = $2)
       AND ($3::text IS NULL OR p.idempotency_key = $3)
       AND ($4::bytea IS NULL OR p.payment_id IN (
         SELECT t.owner_id FROM attempt a JOIN tx t USING (tx_id) WHERE a.tx_hash = $4
         UNION ALL SELECT payment_id FROM payment_landing WHERE tx_hash = $4))
     ORDER BY p.payment_id DESC LIMIT 100`,
    [tenantId, bytes(keys.authorizationId), keys.identifier ?? null, bytes(keys.txHash)],
  );
  return rows.map(({ id }) => id);
}

export type PaymentDecision = {
  id: string;
  policyVersion: string;
  verdict: 'allow' | 'deny';
  trace: readonly { rule: string; verdict: string; detail?: string }[];
};

/** What was decided about payments that were handed in to be settled, by payment. */
export async function readDecisions(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, PaymentDecision>> {
  const { rows } = await sql.query<
    Omit<PaymentDecision, 'trace'> & { payment_id: string; trace: StoredTrace }
  >({
    name: 'payment_decisions',
    text: `SELECT p.payment_id, d.decision_id AS id, d.policy_version AS "policyVersion", d.verdict, d.trace
      FROM payment p LEFT JOIN tx t ON t.owner_id = p.payment_id
      JOIN decision d ON d.decision_id = coalesce(t.decision_id, p.decision_id)
      WHERE p.payment_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(
    rows.map(({ payment_id, ...decision }) => {
      return [payment_id, { ...decision, trace: readTrace(decision.trace) }];
    }),
  );
}
