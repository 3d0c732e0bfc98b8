import type { Sql } from '../../../base/db/index.ts';
import { nonceKey } from '../../../base/kernel/index.ts';
import { openBreaks } from '../../../books/breaks/index.ts';
import {
  FOREIGN_PAYMENT,
  readForeignPayments,
  readTxs,
  setWaiting,
} from '../../../books/tx/index.ts';
import type { TrackerContext } from '../context.ts';

/**
 * Parks slots whose nonces were used for good by transactions that are none of ours and seem to have paid them: a
 * break for two persons with what the chain shows, and the reserve stays. In the act that made it final;
 * what was recorded behind finality is met by the next one.
 */
export async function parkForeignPayments(
  { chainId, log }: Pick<TrackerContext, 'chainId' | 'log'>,
  sql: Sql,
): Promise<void> {
  const found = await readForeignPayments(sql, chainId);
  if (found.length === 0) return;
  const txs = await readTxs(
    sql,
    found.map(({ txId }) => txId),
  );
  await openBreaks(
    sql,
    found.map((used) => {
      const { asset, recipient, amount, slot } = txs.get(used.txId)!;
      return {
        tenantId: used.tenantId,
        kind: 'foreign_payment',
        chainId,
        laneId: used.laneId,
        subjectId: used.txId,
        owner: { kind: used.ownerKind, id: used.ownerId },
        correlationId: used.correlationId,
        detail: {
          txHash: used.txHash,
          nonceKey: nonceKey(chainId, slot!.from, used.nonce),
          blockNumber: used.blockNumber.toString(),
          blockHash: used.blockHash,
          wanted: { asset, recipient, amountAtomic: amount.toString() },
          did: used.did,
        },
      };
    }),
  );
  await setWaiting(
    sql,
    found.map(({ txId }) => ({ txId, reason: FOREIGN_PAYMENT, detail: null })),
  );
  for (const { txId, txHash, correlationId } of found) {
    log.error({ txId, txHash, correlationId, code: FOREIGN_PAYMENT }, 'parked with its reserve');
  }
}
