import { advance, type Sql } from '../../base/db/index.ts';
import { TX } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import type { TxRow } from './rows.ts';
import { TX_TOPICS } from './topics.ts';

/**
 * Stops transactions whose signature nobody claimed, in the caller's transaction: one without a slot
 * ends CANCELLED; one with a slot has its request cancelled (a claimed request counts as signed for ever,
 * so the claim and this update exclude each other) and its slot is closed by the filler. Judged by
 * the rows as they were observed: one that moved since is not stopped. Returns the ids stopped; their
 * effect can never be signed any more.
 */
export async function stopUnclaimed(
  sql: Sql,
  observed: readonly TxRow[],
  reason: string,
): Promise<Set<string>> {
  const slotless = observed.filter((tx) => tx.slot === null && tx.status === 'CREATED');
  const slotted = observed.filter((tx) => tx.slot !== null && tx.status === 'SLOTTED');
  const stopped = await advance(
    sql,
    TX,
    slotless.map((tx) => ({
      id: tx.txId,
      from: 'CREATED' as const,
      to: 'CANCELLED' as const,
      data: { reason },
    })),
    { failure_code: { type: 'text', values: slotless.map(() => reason) } },
  );
  if (slotted.length > 0) {
    const { rows } = await sql.query<{ tx_id: string; tenant_id: string; correlation_id: string }>({
      name: 'tx_stop_slotted',
      text: `
        WITH wanted AS (
          SELECT tx_id FROM tx WHERE tx_id = ANY($1::uuid[]) AND status = 'SLOTTED' ORDER BY tx_id FOR UPDATE
        ), cancelled AS (
          UPDATE signature_request r SET cancelled_at = now() FROM wanted w
          WHERE r.tx_id = w.tx_id AND r.kind = 'effect' AND r.claimed_at IS NULL AND r.cancelled_at IS NULL
          RETURNING r.tx_id
        ), filled AS (
          UPDATE nonce_slot s SET fill_reason = $2 FROM cancelled c WHERE s.tx_id = c.tx_id
        )
        SELECT t.tx_id, t.tenant_id, t.correlation_id FROM tx t JOIN cancelled USING (tx_id)`,
      values: [slotted.map((tx) => tx.txId), reason],
    });
    for (const row of rows) stopped.add(row.tx_id);
    await enqueue(
      sql,
      rows.map((row) => ({
        topic: TX_TOPICS.fill,
        subjectId: row.tx_id,
        tenantId: row.tenant_id,
        trace: row.correlation_id,
      })),
    );
  }
  return stopped;
}
