import type { Sql } from '../../base/db/index.ts';
import { openBreaks } from '../../books/breaks/index.ts';
import { type Crossing, setWaiting } from '../../books/tx/index.ts';
import { readProgress, type TxProgress } from '../../books/tx/read.ts';
import type { TrackerContext } from './context.ts';

/**
 * Parks transactions that are mined, final, and not what was wanted: a break for two persons, in the act that
 * found them. Their withdrawals keep their reserves and say what they wait for.
 */
export async function parkMismatches(
  { chainId, log }: Pick<TrackerContext, 'chainId' | 'log'>,
  sql: Sql,
  parked: readonly Crossing[],
): Promise<void> {
  if (parked.length === 0) return;
  const seen = await readProgress(
    sql,
    parked.map((item) => item.ownerId),
  );
  await openBreaks(
    sql,
    parked.map((item) => ({
      tenantId: item.tenantId,
      kind: 'effect_mismatch',
      chainId,
      laneId: item.laneId,
      subjectId: item.txId,
      owner: { kind: item.ownerKind, id: item.ownerId },
      correlationId: item.correlationId,
      detail: minedOf(seen.get(item.ownerId)),
    })),
  );
  await setWaiting(
    sql,
    parked.map((item) => ({ txId: item.txId, reason: 'effect_mismatch', detail: null })),
  );
  for (const { txId, correlationId } of parked) {
    log.error({ txId, correlationId, code: 'effect_mismatch' }, 'parked with its reserve');
  }
}

function minedOf(seen: TxProgress | undefined) {
  return {
    txHash: seen?.txHash ?? null,
    nonceKey: seen?.nonceKey ?? null,
    blockNumber: seen?.blockNumber?.toString() ?? null,
    blockHash: seen?.blockHash ?? null,
  };
}
