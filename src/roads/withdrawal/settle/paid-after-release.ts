import type { Sql } from '../../../base/db/index.ts';
import { openBreaks } from '../../../books/breaks/index.ts';
import { readSettled, type TxRow } from '../../../books/tx/index.ts';
import { readProgress } from '../../../books/tx/read.ts';

/**
 * A reserve is released on a final end only, so this finds something only after a declared reorg took such an end
 * back and the chain then paid. The customer has the money twice: a break for two persons, in the act that saw it.
 */
export async function findPaid(sql: Sql, released: readonly TxRow[]): Promise<void> {
  if (released.length === 0) return;
  const settled = await readSettled(
    sql,
    released.map((tx) => tx.txId),
  );
  const paid = released.filter(({ txId, slot }) => {
    const shown = settled.levels.get(txId);
    return slot !== null && shown?.level === 'finalized' && shown.paid;
  });
  const seen = await readProgress(
    sql,
    paid.map((tx) => tx.ownerId),
  );
  await openBreaks(
    sql,
    paid.map((tx) => ({
      tenantId: tx.tenantId,
      kind: 'paid_after_release',
      chainId: tx.chainId,
      laneId: tx.slot!.laneId,
      subjectId: tx.txId,
      owner: { kind: tx.ownerKind, id: tx.ownerId },
      correlationId: tx.correlationId,
      detail: { txHash: seen.get(tx.ownerId)?.txHash ?? null },
    })),
  );
}
