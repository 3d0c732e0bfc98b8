import { advance, type Sql } from '../../../base/db/index.ts';
import { effectDigest, FILLER_GAS_LIMIT, fillerOf, intentId } from '../../../base/effect/index.ts';
import { caip19, fromHex, nonceKey, TX } from '../../../base/kernel/index.ts';
import type { LaneRow } from '../lanes.ts';
import { WAKE_SIGNER } from '../topics.ts';

export type GapFees = {
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  /** EIP-2718's. */
  txType: 0 | 2;
  gasReserved: bigint;
};

/**
 * Gives nonces of a lane that have no slot to fillers, and orders their signatures, in the caller's
 * transaction, which holds the lane's row: transactions of nobody that pay nobody. Their intents are derived
 * from the nonce, so a nonce is filled once. Returns tx ids in the order of the nonces.
 */
export async function openFillers(
  sql: Sql,
  lane: Pick<LaneRow, 'laneId' | 'tenantId' | 'chainId' | 'address' | 'epoch'>,
  nonces: readonly bigint[],
  made: GapFees & { installationId: string; correlationId: string },
): Promise<string[]> {
  const { laneId, tenantId, chainId, address } = lane;
  const keys = nonces.map((nonce) => nonceKey(chainId, address, nonce));
  const { rows } = await sql.query<{ tx_id: string }>(
    `WITH wanted AS MATERIALIZED (
       SELECT payonce_uuid7() AS tx_id, payonce_uuid7() AS owner_id, u.*
       FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS u(intent_id, idempotency_key, idx)
     ), opened AS (
       INSERT INTO tx (tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id,
         asset, token, recipient, amount, settle_at, correlation_id, status)
       SELECT tx_id, $3, 'filler', owner_id, intent_id, 'filler', idempotency_key, $4, $5, NULL, $6, 0, 'finalized', $7, 'CREATED'
       FROM wanted
     ), logged AS (
       INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, owner_ids, correlation_ids)
       SELECT $3, 'tx', 'CREATED', count(*), array_agg(tx_id), array_agg(owner_id), array_agg($7::text) FROM wanted
     )
     SELECT tx_id FROM wanted ORDER BY idx`,
    [
      keys.map((idempotencyKey) =>
        fromHex(
          intentId({
            installationId: made.installationId,
            tenantId,
            operation: 'filler',
            idempotencyKey,
          }),
        ),
      ),
      keys,
      tenantId,
      chainId,
      caip19(chainId, null),
      fromHex(address),
      made.correlationId,
    ],
  );
  const txIds = rows.map((row) => row.tx_id);
  await advance(
    sql,
    TX,
    txIds.map((id) => ({ id, from: 'CREATED', to: 'SLOTTED' })),
  );
  await sql.query(
    `WITH s AS MATERIALIZED (
       SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS u(tx_id, nonce)
     ), slot AS (
       INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved, fill_reason)
       SELECT $3, nonce, $4, $5, tx_id, $6, $7, 'gap' FROM s
     )
     INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
       max_priority_fee_per_gas, lane_epoch, tx_type)
     SELECT $3, nonce, 1, tx_id, 'filler', $8, $9, $10, $11, $12 FROM s ORDER BY nonce`,
    [
      txIds,
      nonces,
      laneId,
      chainId,
      fromHex(address),
      fromHex(effectDigest(chainId, address, fillerOf(address))),
      made.gasReserved,
      FILLER_GAS_LIMIT,
      made.maxFeePerGas,
      made.maxPriorityFeePerGas,
      lane.epoch,
      made.txType,
    ],
  );
  await sql.query(`SELECT pg_notify('${WAKE_SIGNER}', '')`);
  return txIds;
}
