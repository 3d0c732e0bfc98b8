import type { Block, BlockHeader, ChainPort } from '../../base/chain/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { Transient } from '../../base/kernel/index.ts';
import { type HeadRow, readBlockHashes } from '../../books/tx/index.ts';
import type { Tags } from './decide.ts';

/** Blocks of one round: bounds the answer's size and the act's. */
const WALK = 64;
const FORK_WINDOW = 32;

export type Walk =
  /** Blocks that link to our head, oldest first (none when nothing is new). */
  | { kind: 'extend'; blocks: Block[]; tags: Tags }
  /** Our head is not in the node's chain; null: the fork lies deeper than we looked. */
  | { kind: 'reorg'; fork: number | null; tags: Tags };

export async function askTags(port: ChainPort, asked?: BlockHeader | null): Promise<Tags | null> {
  const latest = asked === undefined ? await port.header('latest') : asked;
  if (latest === null) return null;
  const [safe, finalized] = await Promise.all([port.header('safe'), port.header('finalized')]);
  return {
    latest: latest.number,
    safe: safe?.number ?? null,
    finalized: finalized?.number ?? null,
  };
}

/** What the node shows beyond our head, linked by parent hashes. */
export async function observeWalk(sql: Sql, port: ChainPort, head: HeadRow): Promise<Walk | null> {
  const latest = await port.header('latest');
  // Tags move with blocks: a look that finds our own head asks no more.
  if (latest?.hash === head.hash) return null;
  const tags = await askTags(port, latest);
  if (tags === null) return null;
  if (tags.latest < head.latest) {
    // Behind us: a node that lags, or a chain that lost blocks. The hash at its height tells apart
    // only what has changed; until it has, nothing is concluded.
    const [theirs] = await port.blocks(tags.latest, tags.latest);
    const ours = (await readBlockHashes(sql, head.chainId, [tags.latest])).get(tags.latest);
    if (theirs === undefined || theirs === null || ours === undefined || ours === theirs.hash)
      return null;
    return { kind: 'reorg', fork: await findFork(sql, port, head, tags.latest - 1), tags };
  }
  const blocks = await port.blocks(head.latest, Math.min(tags.latest, head.latest + WALK));
  const first = blocks[0];
  if (first === undefined || first === null) return null;
  if (first.hash !== head.hash) {
    return { kind: 'reorg', fork: await findFork(sql, port, head, head.latest - 1), tags };
  }
  const linked: Block[] = [];
  let parent = first;
  for (const block of blocks.slice(1)) {
    // Null or unlinked: the node moved while it answered; the next round sees the rest.
    if (block === null || block.parentHash !== parent.hash) break;
    linked.push(block);
    parent = block;
  }
  return { kind: 'extend', blocks: linked, tags };
}

/** The highest block that both chains have, looking down to finalized and a little below. */
async function findFork(
  sql: Sql,
  port: ChainPort,
  head: HeadRow,
  from: number,
): Promise<number | null> {
  const lowest = Math.max(0, head.finalized - FORK_WINDOW);
  for (let top = from; top >= lowest; top -= FORK_WINDOW) {
    const bottom = Math.max(lowest, top - FORK_WINDOW + 1);
    const heights = Array.from({ length: top - bottom + 1 }, (_, index) => top - index);
    const ours = await readBlockHashes(sql, head.chainId, heights);
    const theirs = await port.blocks(bottom, top);
    for (const height of heights) {
      if (shown(theirs[height - bottom], height).hash === ours.get(height)) return height;
    }
  }
  return null;
}

/**
 * A block at or below the newest one is there: nodes that show none now, or do not agree on one, say nothing of where
 * chains part. Throws Transient for it.
 */
export function shown(block: Block | null | undefined, height: number): Block {
  if (block) return block;
  throw new Transient(`block ${height} is not shown: where the chains part is not known yet`);
}
