import { inTransaction, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import {
  type HeadRow,
  haltChain,
  type Orphan,
  readForeignOrphans,
  readLanes,
  readOrphans,
  rewind,
  setProgress,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import { type TrackerContext, takeHead } from './context.ts';
import { judgeReorg } from './decide.ts';
import type { Walk } from './observe.ts';

/**
 * Takes the blocks that the node's chain no longer has out of ours, in one act, and asks for the orphans'
 * bytes to be sent again. A reorg that reaches what is final or may be committed halts the chain.
 */
export async function followReorg(
  context: TrackerContext,
  head: HeadRow,
  epoch: bigint,
  walk: Walk & { kind: 'reorg' },
): Promise<boolean> {
  const { db, chainId, log } = context;
  const fork = walk.fork;
  return inTransaction(db, async (sql) => {
    await takeHead(sql, head, epoch);
    const orphans = fork === null ? [] : await readOrphans(sql, chainId, fork);
    const verdict = judgeReorg(head, fork, orphans);
    if (verdict.kind === 'halt') {
      if (await haltChain(sql, chainId, verdict.reason)) {
        log.error(
          { chainId, code: 'chain_halted', reason: verdict.reason },
          'nothing is completed or signed on this chain',
        );
        await tellChain(sql, chainId, 'chain.halted', { reason: verdict.reason });
      }
      return false;
    }
    log.warn(
      { chainId, from: head.latest, fork: fork!, orphans: orphans.length },
      'reorg: the same bytes are sent again',
    );
    const foreign = await readForeignOrphans(sql, chainId, fork!);
    await rewind(sql, chainId, fork!, orphans);
    await setProgress(sql, lowestNonces([...orphans, ...foreign]), fork!);
    await tellOrphans(sql, chainId, fork!, orphans);
    return true;
  });
}

async function tellOrphans(
  sql: Sql,
  chainId: number,
  fork: number,
  orphans: readonly Orphan[],
): Promise<void> {
  await tellChain(sql, chainId, 'chain.reorg', { fork });
  await writeEvents(
    sql,
    orphans.map((orphan) => ({
      tenantId: orphan.tenantId,
      type: 'tx.reorged',
      subjectId: orphan.txId,
      correlationId: orphan.correlationId,
      data: { attemptId: orphan.attemptId, blockNumber: orphan.blockNumber },
    })),
  );
  await enqueue(
    sql,
    orphans.map((orphan) => ({
      topic: TX_TOPICS.send,
      subjectId: orphan.attemptId,
      tenantId: orphan.tenantId,
      trace: orphan.correlationId,
    })),
  );
}

/** Lane → its lowest orphaned nonce: nonces are mined in order, so below it all are still consumed. */
function lowestNonces(orphans: readonly Pick<Orphan, 'laneId' | 'nonce'>[]): Map<number, bigint> {
  const lowest = new Map<number, bigint>();
  for (const { laneId, nonce } of orphans) {
    const before = lowest.get(laneId);
    if (before === undefined || nonce < before) lowest.set(laneId, nonce);
  }
  return lowest;
}

/** Every tenant with a lane on the chain is told; what is said concerns them all. */
async function tellChain(
  sql: Sql,
  chainId: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  const lanes = await readLanes(sql, chainId);
  const tenants = [...new Set(lanes.map((lane) => lane.tenantId))];
  await writeEvents(
    sql,
    tenants.map((tenantId) => ({ tenantId, type, data: { chainId, ...data } })),
  );
}
