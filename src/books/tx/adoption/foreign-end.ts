import { advance, HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex, TX, type TxState } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { requestGas } from '../funds/stretches.ts';
import { setFinalProgress } from '../inclusions.ts';
import { finalTopic } from '../topics.ts';

/** What a tx waits for until two persons have decided whether a foreign transaction paid it. */
export const FOREIGN_PAYMENT = 'foreign_payment';

/** A tx under way whose nonce a foreign transaction used for good. */
export type UsedSlot = {
  txId: string;
  tenantId: string;
  ownerKind: string;
  ownerId: string;
  correlationId: string;
  status: TxState;
  laneId: number;
  nonce: bigint;
  txHash: Hex;
  blockNumber: bigint;
  blockHash: Hex;
  did: Record<string, unknown>;
};

/** The caller adds its conditions. A slot that is not signed yet is met by a later call: its signature is on its way. */
const USED_IN = (states: string) => `
  SELECT t.tx_id AS "txId", t.tenant_id AS "tenantId", t.owner_kind AS "ownerKind", t.owner_id AS "ownerId",
    t.correlation_id AS "correlationId", t.status, f.lane_id AS "laneId", f.nonce, f.tx_hash AS "txHash",
    f.block_number AS "blockNumber", f.block_hash AS "blockHash", f.did
  FROM foreign_inclusion f
  JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
  JOIN chain_head h ON h.chain_id = f.chain_id AND f.block_number <= h.finalized
  JOIN nonce_slot s ON s.lane_id = f.lane_id AND s.nonce = f.nonce
  JOIN tx t ON t.tx_id = s.tx_id
  WHERE t.status IN (${states})`;
const USED = USED_IN(`'SIGNED', 'BROADCASTED', 'INCLUDED'`);

/**
 * Ends transactions whose nonce a foreign one used for good, without paying: REPLACED, their owners are told,
 * and their gas is given back. The caller holds the chain's head. One that seems paid is left to two persons, save where
 * its owner has its reserve back already, since its order was withdrawn before anybody claimed it. Where a declared reorg
 * took such a use back and it is final again, its end stands, and what its nonce cost is booked.
 */
export async function endReplaced(sql: Sql, chainId: number): Promise<void> {
  await sql.query({
    name: 'foreign_unclaimed',
    text: `UPDATE foreign_inclusion f SET paid = false
      WHERE f.chain_id = $1 AND f.pays_intent AND f.paid IS NULL
        AND EXISTS (SELECT 1 FROM signature_request r WHERE r.lane_id = f.lane_id AND r.nonce = f.nonce)
        AND NOT EXISTS (SELECT 1 FROM signature_request r WHERE r.lane_id = f.lane_id AND r.nonce = f.nonce
          AND r.kind = 'effect' AND (r.cancelled_at IS NULL OR r.claimed_at IS NOT NULL))`,
    values: [chainId],
  });
  const { rows } = await sql.query<UsedSlot>({
    name: 'foreign_final',
    types: HEX_BYTES,
    text: `${USED} AND f.chain_id = $1 AND (NOT f.pays_intent OR NOT f.paid)`,
    values: [chainId],
  });
  const again = await sql.query<UsedSlot>({
    name: 'foreign_final_again',
    types: HEX_BYTES,
    text: `${USED_IN(`'REPLACED'`)} AND f.chain_id = $1
      AND f.nonce >= (SELECT final_nonce FROM lane_progress p WHERE p.lane_id = f.lane_id)`,
    values: [chainId],
  });
  await setFinalProgress(sql, again.rows);
  await requestGas(sql, again.rows);
  const moved = await endUsed(sql, rows, 'replaced');
  await enqueue(
    sql,
    moved.map((row) => ({
      topic: finalTopic(row.ownerKind),
      subjectId: row.ownerId,
      tenantId: row.tenantId,
      trace: row.correlationId,
    })),
  );
}

/** Slots of a chain that a foreign transaction seems to have paid for good, as far as nothing says yet that they wait for it. */
export async function readForeignPayments(sql: Sql, chainId: number): Promise<UsedSlot[]> {
  const { rows } = await sql.query<UsedSlot>({
    name: 'foreign_payments',
    types: HEX_BYTES,
    text: `${USED} AND f.chain_id = $1 AND f.pays_intent AND f.paid IS NULL
      AND t.waiting IS DISTINCT FROM '${FOREIGN_PAYMENT}'`,
    values: [chainId],
  });
  return rows;
}

/** That of one tx; null: it has none, it is not final, or it was decided about. */
export async function readForeignPayment(sql: Sql, txId: string): Promise<UsedSlot | null> {
  const { rows } = await sql.query<UsedSlot>({
    name: 'foreign_payment',
    types: HEX_BYTES,
    text: `${USED} AND t.tx_id = $1 AND f.pays_intent AND f.paid IS NULL`,
    values: [txId],
  });
  return rows[0] ?? null;
}

/**
 * Ends such a tx as two persons decided, once: REPLACED by what used its nonce, which paid it or did not. The caller
 * holds the chain's head and resolves the reserve in the same transaction. False: another decided meanwhile.
 */
export async function endForeignPayment(sql: Sql, slot: UsedSlot, paid: boolean): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE foreign_inclusion SET paid = $3 WHERE tx_hash = $1 AND block_hash = $2 AND paid IS NULL`,
    [fromHex(slot.txHash), fromHex(slot.blockHash), paid],
  );
  return rowCount === 1 && (await endUsed(sql, [slot], paid ? null : 'replaced')).length === 1;
}

async function endUsed(
  sql: Sql,
  slots: readonly UsedSlot[],
  failure: 'replaced' | null,
): Promise<UsedSlot[]> {
  if (slots.length === 0) return [];
  const ended = await advance(
    sql,
    TX,
    slots.map(({ txId, status, txHash }) => ({
      id: txId,
      from: status,
      to: 'REPLACED',
      data: { txHash },
    })),
    {
      failure_code: { type: 'text', values: slots.map(() => failure) },
      failure_message: {
        type: 'text',
        values: slots.map(({ txHash }) => failure && replacedBy(txHash)),
      },
    },
  );
  const moved = slots.filter(({ txId }) => ended.has(txId));
  await setFinalProgress(sql, moved);
  await requestGas(sql, moved);
  return moved;
}

export const replacedBy = (txHash: Hex) => `its nonce was used by ${txHash}, which is not ours`;
