import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, type Hex, type SettleAt } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { TX_TOPICS } from './topics.ts';

export type NewTx = {
  tenantId: string;
  ownerKind: string;
  ownerId: string;
  intentId: Hex;
  operation: string;
  idempotencyKey: string;
  chainId: number;
  asset: string;
  token: Address | null;
  recipient: Address;
  amount: bigint;
  /** Packed, of who pays it where it is not the lane. */
  payerAuthorization?: Hex;
  /** Null: it moves funds between the tenant's own wallets, which nobody decides on. */
  decisionId: string | null;
  settleAt: SettleAt;
  expiresAt: Date | null;
  correlationId: string;
  /** The one lane that it may leave from; null: any that pays for its tenant. */
  fromLane?: number;
  /** Between own wallets: the lane that it fills. */
  toLane?: number;
};

/**
 * Opens transactions (no slot yet), consumes their decisions and asks for preparation, all in the
 * caller's transaction. A second tx for an intent, or a decision used twice, is an error of the
 * database. Returns tx ids in order.
 */
export async function openTxs(sql: Sql, wanted: readonly NewTx[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'tx_open',
    text: `
      WITH wanted AS MATERIALIZED (
        SELECT payonce_uuid7() AS tx_id, u.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[], $5::text[],
          $6::text[], $7::bigint[], $8::text[], $9::bytea[], $10::bytea[], $11::numeric[], $12::uuid[],
          $13::text[], $14::timestamptz[], $15::text[], $16::int[], $17::int[],
          $18::bytea[])
          WITH ORDINALITY AS u(tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key,
            chain_id, asset, token, recipient, amount, decision_id, settle_at, expires_at, correlation_id,
            from_lane, to_lane, payer_authorization, idx)
      ), opened AS (
        INSERT INTO tx (tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id,
          asset, token, recipient, amount, decision_id, settle_at, expires_at, correlation_id, from_lane, to_lane,
          payer_authorization, status)
        SELECT tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id,
          asset, token, recipient, amount, decision_id, settle_at, expires_at, correlation_id, from_lane, to_lane,
          payer_authorization, 'CREATED'
        FROM wanted
      ), consumed AS (
        INSERT INTO decision_consumed (decision_id, tx_id)
        SELECT decision_id, tx_id FROM wanted WHERE decision_id IS NOT NULL
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, owner_ids, correlation_ids)
        SELECT tenant_id, 'tx', 'CREATED', count(*), array_agg(tx_id), array_agg(owner_id), array_agg(correlation_id)
        FROM wanted GROUP BY tenant_id
      )
      SELECT tx_id FROM wanted ORDER BY idx`,
    values: [
      wanted.map((tx) => tx.tenantId),
      wanted.map((tx) => tx.ownerKind),
      wanted.map((tx) => tx.ownerId),
      wanted.map((tx) => fromHex(tx.intentId)),
      wanted.map((tx) => tx.operation),
      wanted.map((tx) => tx.idempotencyKey),
      wanted.map((tx) => tx.chainId),
      wanted.map((tx) => tx.asset),
      wanted.map((tx) => (tx.token === null ? null : fromHex(tx.token))),
      wanted.map((tx) => fromHex(tx.recipient)),
      wanted.map((tx) => tx.amount),
      wanted.map((tx) => tx.decisionId),
      wanted.map((tx) => tx.settleAt),
      wanted.map((tx) => tx.expiresAt),
      wanted.map((tx) => tx.correlationId),
      wanted.map((tx) => tx.fromLane ?? null),
      wanted.map((tx) => tx.toLane ?? null),
      wanted.map((tx) => tx.payerAuthorization && fromHex(tx.payerAuthorization)),
    ],
  });
  const ids = rows.map((row) => row.tx_id);
  await enqueue(
    sql,
    wanted.map((tx, index) => ({
      topic: TX_TOPICS.prepare,
      subjectId: ids[index]!,
      tenantId: tx.tenantId,
      trace: tx.correlationId,
    })),
  );
  return ids;
}
