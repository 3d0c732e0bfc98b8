import { advance, type Sql } from '../../../base/db/index.ts';
import { TX } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { TxRow } from '../rows.ts';
import { finalTopic } from '../topics.ts';

/** Nothing was signed and no nonce given: it ends here, and its owner is told. Returns the ids of those that ended. */
export async function refuseUnslotted(
  sql: Sql,
  refused: readonly { tx: TxRow; message: string; code?: string }[],
): Promise<Set<string>> {
  const moved = await advance(
    sql,
    TX,
    refused.map(({ tx }) => ({ id: tx.txId, from: 'CREATED', to: 'CANCELLED' })),
    {
      failure_code: {
        type: 'text',
        values: refused.map(({ code = 'simulation_reverted' }) => code),
      },
      failure_message: { type: 'text', values: refused.map((item) => item.message) },
      waiting: { type: 'text', values: refused.map(() => null) },
    },
  );
  await enqueue(
    sql,
    refused
      .filter(({ tx }) => moved.has(tx.txId))
      .map(({ tx }) => ({
        topic: finalTopic(tx.ownerKind),
        subjectId: tx.ownerId,
        tenantId: tx.tenantId,
        trace: tx.correlationId,
      })),
  );
  return moved;
}
