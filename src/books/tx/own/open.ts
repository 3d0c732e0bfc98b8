import type { Sql } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { TX_TOPICS } from '../topics.ts';

/** A transaction between a tenant's own wallets: of no decision, from one lane, settled at finality. */
type NewOwnTx = {
  tenantId: string;
  /** Also the operation of its intent. */
  ownerKind: 'topup' | 'sweep';
  ownerId: string;
  intentId: Hex;
  idempotencyKey: string;
  chainId: number;
  asset: string;
  token: Address | null;
  recipient: Address;
  amount: bigint;
  fromLane: number;
  toLane: number;
  correlationId: string;
};

/** Opens them and asks for their preparation, in the caller's transaction; an intent has one tx for ever. */
export async function openOwnTxs(sql: Sql, wanted: readonly NewOwnTx[]): Promise<void> {
  if (wanted.length === 0) return;
  const { rows } = await sql.query<{ tx_id: string; owner_id: string }>({
    name: 'tx_open_own',
    text: `
      WITH wanted AS MATERIALIZED (
        SELECT payonce_uuid7() AS tx_id, u.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[], $5::text[],
          $6::bigint[], $7::text[], $8::bytea[], $9::bytea[], $10::numeric[], $11::int[], $12::int[], $13::text[])
          AS u(tenant_id, owner_kind, owner_id, intent_id, idempotency_key, chain_id, asset, token, recipient, amount,
            from_lane, to_lane, correlation_id)
      ), opened AS (
        INSERT INTO tx (tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id,
          asset, token, recipient, amount, from_lane, to_lane, settle_at, correlation_id, status)
        SELECT tx_id, tenant_id, owner_kind, owner_id, intent_id, owner_kind, idempotency_key, chain_id,
          asset, token, recipient, amount, from_lane, to_lane, 'finalized', correlation_id, 'CREATED' FROM wanted
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, owner_ids, correlation_ids)
        SELECT tenant_id, 'tx', 'CREATED', count(*), array_agg(tx_id), array_agg(owner_id), array_agg(correlation_id)
        FROM wanted GROUP BY tenant_id
      )
      SELECT tx_id, owner_id FROM wanted`,
    values: [
      wanted.map((tx) => tx.tenantId),
      wanted.map((tx) => tx.ownerKind),
      wanted.map((tx) => tx.ownerId),
      wanted.map((tx) => fromHex(tx.intentId)),
      wanted.map((tx) => tx.idempotencyKey),
      wanted.map((tx) => tx.chainId),
      wanted.map((tx) => tx.asset),
      wanted.map((tx) => (tx.token === null ? null : fromHex(tx.token))),
      wanted.map((tx) => fromHex(tx.recipient)),
      wanted.map((tx) => tx.amount),
      wanted.map((tx) => tx.fromLane),
      wanted.map((tx) => tx.toLane),
      wanted.map((tx) => tx.correlationId),
    ],
  });
  const txOf = new Map(rows.map((row) => [row.owner_id, row.tx_id]));
  await enqueue(
    sql,
    wanted.map((tx) => ({
      topic: TX_TOPICS.prepare,
      subjectId: txOf.get(tx.ownerId)!,
      tenantId: tx.tenantId,
      trace: tx.correlationId,
    })),
  );
}
