import type { ChainPort } from '../../../base/chain/index.ts';
import { inTransaction, type Sql } from '../../../base/db/index.ts';
import { openBreaks } from '../../../books/breaks/index.ts';
import {
  finishResume,
  type HeadRow,
  laneSubject,
  type Orphan,
  readBlockHashes,
  readLowestBlock,
  readResume,
} from '../../../books/tx/index.ts';
import { type TrackerContext, takeHead } from '../context.ts';
import { shown } from '../observe.ts';
import { tellChain } from '../tell.ts';
import { takeBack } from './follow.ts';

/**
 * Carries out the order of two persons to go on with a halted chain: the node's chain is ours from the highest
 * block on that both have, however deep that lies. What stood above it is taken back as in any reorg, safe and
 * finalized fall with it, and the walk goes on from there. A crash before the COMMIT leaves the chain halted
 * and the order open. True when it was carried out.
 */
export async function resumeChain(
  context: TrackerContext,
  head: HeadRow,
  epoch: bigint,
): Promise<boolean> {
  const { db, chainId, port, log } = context;
  const order = await readResume(db, chainId);
  if (order === null) return false;
  const fork = await findCommon(db, port, head);
  if (fork === 'behind') return false;
  const { evidence, proposedBy, confirmedBy } = order;
  return inTransaction(db, async (sql) => {
    await takeHead(sql, head, epoch);
    if (fork === null) {
      const refusal =
        'the node shows none of the blocks that the books have: it is of another chain';
      log.error({ chainId, code: 'chain_halted', reason: refusal }, 'the chain stays halted');
      await finishResume(sql, order.resumeId, { refusal });
      await tellChain(sql, chainId, 'chain.resume_refused', { refusal });
      return false;
    }
    const orphans = fork === head.latest ? [] : await takeBack(sql, head, fork);
    await openBreaks(sql, breaksOf(head, fork, orphans));
    await finishResume(sql, order.resumeId, { fork, orphans: orphans.length });
    const told = { from: head.latest, fork, orphans: orphans.length, evidence };
    log.warn({ chainId, ...told, proposedBy, confirmedBy }, 'the chain goes on by order');
    await tellChain(sql, chainId, 'chain.resumed', { ...told, proposedBy, confirmedBy });
    return true;
  });
}

/**
 * The highest of our blocks that the node has too; a block in common has all below it in common. `behind`: the
 * node's newest block is one of ours below our head, so it only lags, or has yet to show what it has instead. Throws
 * Transient where a block that has to be there is not shown.
 */
async function findCommon(
  sql: Sql,
  port: ChainPort,
  head: HeadRow,
): Promise<number | null | 'behind'> {
  // Asked first: what is above it is not there, what is below has to be shown.
  const newest = await port.header('latest');
  if (newest === null) return 'behind';
  const has = async (height: number): Promise<boolean> => {
    if (height > newest.number) return false;
    const ours = (await readBlockHashes(sql, head.chainId, [height])).get(height);
    const [theirs] = await port.blocks(height, height);
    return shown(theirs, height).hash === ours;
  };
  // Where the node came back to our chain that is all there is to ask.
  if (await has(head.latest)) return head.latest;
  let common = await readLowestBlock(sql, head.chainId);
  if (newest.number < head.latest && newest.number >= common) {
    if (await has(newest.number)) return 'behind';
  }
  if (!(await has(common))) return null;
  let missing = head.latest;
  while (missing - common > 1) {
    const middle = Math.floor((common + missing) / 2);
    if (await has(middle)) common = middle;
    else missing = middle;
  }
  return common;
}

/** A lane's gas was booked for what was final; what the same nonces cost on the new chain is for persons to see. */
function breaksOf(head: HeadRow, fork: number, orphans: readonly Orphan[]) {
  const ended = orphans.filter((orphan) => orphan.blockNumber <= head.finalized);
  return [...new Set(ended.map((orphan) => orphan.laneId))].map((laneId) => {
    const mine = ended.filter((orphan) => orphan.laneId === laneId);
    const nonces = mine.map((orphan) => orphan.nonce).sort((a, b) => (a < b ? -1 : 1));
    return {
      tenantId: mine[0]!.tenantId,
      kind: 'final_taken_back' as const,
      chainId: head.chainId,
      laneId,
      subjectId: laneSubject(laneId),
      owner: null,
      correlationId: null,
      detail: {
        fork,
        finalized: head.finalized,
        fromNonce: String(nonces[0]),
        toNonce: String(nonces.at(-1)),
        transactions: mine.length,
      },
    };
  });
}
