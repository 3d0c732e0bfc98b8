import type { Sql } from '../../../base/db/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { TxRow } from '../rows.ts';
import { TX_TOPICS } from '../topics.ts';

type Again = { tx: TxRow; from: string; decisionId: string };

/**
 * Puts transactions without a slot under another decision that allows them, which they consume, and asks for their
 * preparation, in the caller's transaction. Judged by the rows as they were observed: one that got a slot or a decision
 * since is left as it is. Returns the ids of the others.
 */
export async function decideTxsAgain(sql: Sql, again: readonly Again[]): Promise<Set<string>> {
  if (again.length === 0) return new Set();
  const { rows } = await sql.query<{ tx_id: string }>({
    name: 'tx_decide_again',
    text: 'SELECT payonce_decide_again($1::uuid[], $2::uuid[], $3::uuid[]) AS tx_id',
    values: [
      again.map(({ tx }) => tx.txId),
      again.map(({ from }) => from),
      again.map(({ decisionId }) => decisionId),
    ],
  });
  const moved = new Set(rows.map((row) => row.tx_id));
  await enqueue(
    sql,
    again.flatMap(({ tx: { txId, tenantId, correlationId } }) =>
      moved.has(txId)
        ? { topic: TX_TOPICS.prepare, subjectId: txId, tenantId, trace: correlationId }
        : [],
    ),
  );
  return moved;
}
