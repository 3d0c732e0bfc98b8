import { inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { enqueue, type JobRequest } from '../../../base/queue/index.ts';
import {
  type HeadRow,
  haltChain,
  lowerProgress,
  type Orphan,
  orphanedTopic,
  readForeignOrphans,
  readOrphans,
  rewind,
  TX_TOPICS,
} from '../../../books/tx/index.ts';
import { type TrackerContext, takeHead } from '../context.ts';
import { judgeReorg } from '../decide.ts';
import type { Walk } from '../observe.ts';
import { tellChain } from '../tell.ts';

/**
 * Takes the blocks that the node's chain no longer has out of ours, in one act, which also asks for the orphans'
 * bytes to be sent again and for what was committed on them to be reversed. A reorg below finalized or
 * deeper than allowed halts the chain instead. A crash before the COMMIT leaves our chain as it was; the
 * next round finds the same fork.
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
    const verdict = judgeReorg(head, fork, context.settings.finality);
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
    const orphans = await takeBack(sql, head, fork!);
    log.warn(
      { chainId, from: head.latest, fork: fork!, orphans: orphans.length },
      'reorg: the same bytes are sent again',
    );
    await tellChain(sql, chainId, 'chain.reorg', { fork });
    return true;
  });
}

/** Takes everything above the fork out of our chain, under its head's lock. */
export async function takeBack(sql: Sql, head: HeadRow, fork: number): Promise<Orphan[]> {
  const orphans = await readOrphans(sql, head.chainId, fork);
  const foreign = await readForeignOrphans(sql, head.chainId, fork);
  await rewind(sql, head.chainId, fork, orphans);
  await lowerProgress(sql, [...orphans, ...foreign], fork);
  await tellOrphans(sql, head, orphans);
  // Its effect is not sent again, so nobody but the filler closes the nonce, should the foreign use not come again.
  await enqueue(
    sql,
    foreign.flatMap(({ ended }) =>
      ended === null ? [] : jobOf(ended, TX_TOPICS.fill, ended.txId),
    ),
  );
  return orphans;
}

async function tellOrphans(sql: Sql, head: HeadRow, orphans: readonly Orphan[]): Promise<void> {
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
  // What its owner may have committed at that level is for the owner to look at.
  const settled = orphans.filter(
    ({ settleAt, blockNumber }) => settleAt === 'included' || blockNumber <= head[settleAt],
  );
  await enqueue(sql, [
    ...orphans.map((orphan) =>
      // What ended unpaid released its reserve: its slot is closed, and never offered to its effect again.
      orphan.txStatus === 'REVERTED'
        ? jobOf(orphan, TX_TOPICS.fill, orphan.txId)
        : jobOf(orphan, TX_TOPICS.send, orphan.attemptId),
    ),
    ...settled.map((orphan) => jobOf(orphan, orphanedTopic(orphan.ownerKind), orphan.ownerId)),
  ]);
}

const jobOf = (
  orphan: Pick<Orphan, 'tenantId' | 'correlationId'>,
  topic: string,
  subjectId: string,
): JobRequest => ({
  topic,
  subjectId,
  tenantId: orphan.tenantId,
  trace: orphan.correlationId,
});
