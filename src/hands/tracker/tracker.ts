import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { Transient, TX } from '../../base/kernel/index.ts';
import { enqueue, type JobRequest } from '../../base/queue/index.ts';
import {
  type Crossing,
  endReplaced,
  finalTopic,
  type HeadRow,
  insertArrivals,
  insertBlocks,
  insertInclusions,
  leaseChain,
  moveHead,
  readCrossings,
  readHeads,
  readLanes,
  recountForeign,
  requestGas,
  setFinalProgress,
  setProgress,
  settleTopic,
  startChain,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import { observeArrivals } from './arrivals.ts';
import { type TrackerContext, takeHead } from './context.ts';
import { decideFinal, firstBlock, levelsOf, looksDue } from './decide.ts';
import { findForeign, ownProgress, recordForeign } from './foreign/foreign.ts';
import { parkForeignPayments } from './foreign/park.ts';
import { type Found, observeInclusions } from './inclusions.ts';
import { askTags, observeWalk, type Walk } from './observe.ts';
import { parkMismatches } from './park.ts';
import { followReorg } from './reorg/follow.ts';
import { resumeChain } from './reorg/resume.ts';

const LEASE_MS = 15_000;
/** Blocks that become final in one round: bounds its acts, and the question for arrivals in them. */
const FINAL_STEP = 512;
/** Less than the 128 blocks whose state usual nodes keep. */
const RECENT_BLOCKS = 100;

/**
 * Where the walk of a chain begins: at its finalized block, so that no reorg that may happen reaches below it.
 * Nothing of ours was sent before, so the walk to the latest block only links hashes.
 */
export async function beginChain(
  context: Pick<TrackerContext, 'db' | 'chainId' | 'settings' | 'port'>,
): Promise<void> {
  const { db, chainId, port } = context;
  if ((await readHeads(db)).has(chainId)) return;
  const tags = await askTags(port);
  const first = tags === null ? null : firstBlock(tags, context.settings);
  const header = first === null ? null : await port.header(first);
  if (header === null) throw new Transient(`chain ${chainId} shows no block yet`);
  await startChain(db, chainId, header);
}

/**
 * One round of the walk: observe without a lock, decide, act in one transaction that first takes the
 * chain's head with our epoch. A crash leaves the head where it was; the round is walked again.
 * True when there is more to do at once.
 */
export async function trackRound(context: TrackerContext): Promise<boolean> {
  const { db, chainId, port } = context;
  const epoch = await leaseChain(db, chainId, context.owner, LEASE_MS);
  if (epoch === null) return false;
  const head = (await readHeads(db)).get(chainId);
  if (head === undefined) return false;
  if (head.haltedReason !== null && (await resumeChain(context, head, epoch))) return true;
  const walk = await observeWalk(db, port, head);
  if (walk === null) return false;
  return walk.kind === 'reorg'
    ? followReorg(context, head, epoch, walk)
    : extend(context, head, epoch, walk);
}

async function extend(
  context: TrackerContext,
  head: HeadRow,
  epoch: bigint,
  walk: Walk & { kind: 'extend' },
): Promise<boolean> {
  const { db, chainId, port } = context;
  const tip = walk.blocks.at(-1)?.number ?? head.latest;
  const levels = levelsOf(tip, walk.tags, context.settings.finality);
  const safe = Math.max(head.safe, levels?.safe ?? 0);
  const final = Math.max(head.finalized, levels?.finalized ?? 0);
  const finalized = Math.min(final, head.finalized + FINAL_STEP);
  if (walk.blocks.length === 0 && safe === head.safe && finalized === head.finalized) return false;
  const found = await observeInclusions(db, port, chainId, walk.blocks);
  const lanes = await readLanes(db, chainId);
  // Behind the tip, where a node's count of nonces is history: some answer for their newest block with
  // the next one's count, and those without an archive know the state of their newest blocks only.
  const foreign =
    walk.blocks.length > 0 && walk.tags.latest - head.latest <= RECENT_BLOCKS
      ? await findForeign(context, lanes, head.latest)
      : null;
  const range = { above: head.finalized, upTo: finalized, fresh: walk.blocks };
  const arrivals = await observeArrivals(context, lanes, range);
  await inTransaction(db, async (sql) => {
    await takeHead(sql, head, epoch);
    await insertBlocks(sql, chainId, walk.blocks);
    await insertInclusions(
      sql,
      chainId,
      found.map((item) => item.inclusion),
    );
    await advanceIncluded(sql, found);
    await tellIncluded(sql, found);
    await moveHead(sql, chainId, { latest: tip, safe, finalized });
    await setProgress(sql, ownProgress(lanes, found), tip);
    await recountForeign(
      sql,
      walk.blocks.map(({ hash }) => hash),
    );
    await crossSafe(sql, chainId, head.safe, safe);
    await crossFinalized(context, sql, head.finalized, finalized);
    if (lanes.some((lane) => lane.pausedReason === 'foreign_nonce')) {
      await endReplaced(sql, chainId);
      await parkForeignPayments(context, sql);
    }
    await requestGas(sql, await insertArrivals(sql, chainId, arrivals));
    if (looksDue(head.finalized, finalized)) await requestGas(sql, await readLanes(sql, chainId));
    // Room in the windows: whoever waits for a slot need not poll for it.
    await sql.query(`SELECT pg_notify('payonce_job', $1)`, [TX_TOPICS.prepare]);
  });
  if (foreign !== null) {
    await recordForeign(context, { ...head, hash: walk.blocks.at(-1)!.hash }, epoch, foreign);
  }
  return tip < walk.tags.latest || finalized < final;
}

/**
 * BROADCASTED → INCLUDED, and SIGNED → INCLUDED for those whose send was not recorded. That record may be
 * committing at this moment, so whoever was found in neither state is looked for in the first once more.
 */
async function advanceIncluded(sql: Sql, found: readonly Found[]): Promise<void> {
  let moving = [...new Map(found.map((item) => [item.attempt.txId, item])).values()];
  for (const from of ['BROADCASTED', 'SIGNED', 'BROADCASTED'] as const) {
    const moved = await advance(
      sql,
      TX,
      moving.map(({ attempt, inclusion }) => ({
        id: attempt.txId,
        from,
        to: 'INCLUDED',
        data: {
          attemptId: attempt.attemptId,
          txHash: attempt.txHash,
          blockNumber: inclusion.blockNumber,
          blockHash: inclusion.blockHash,
        },
      })),
    );
    moving = moving.filter(({ attempt }) => !moved.has(attempt.txId));
  }
}

/** Whose owners settle as soon as a block holds them. */
async function tellIncluded(sql: Sql, found: readonly Found[]): Promise<void> {
  const telling = found.filter(({ attempt }) => attempt.settleAt === 'included');
  await enqueue(
    sql,
    telling.map(({ attempt }) => jobFor(attempt, settleTopic(attempt.ownerKind), attempt.ownerId)),
  );
}

/** What settles at safe, or did before, is told when its inclusion has come so far. */
async function crossSafe(sql: Sql, chainId: number, from: number, to: number): Promise<void> {
  const crossings = await readCrossings(sql, chainId, from, to);
  await enqueue(
    sql,
    crossings
      .filter((item) => item.settleAt !== 'finalized' && isPaid(item))
      .map((item) => jobFor(item, settleTopic(item.ownerKind), item.ownerId)),
  );
}

/** Slots that are final end their transactions; their owners are told and their gas is booked. */
async function crossFinalized(
  context: TrackerContext,
  sql: Sql,
  from: number,
  to: number,
): Promise<void> {
  const crossings = await readCrossings(sql, context.chainId, from, to);
  const decided = crossings.map((item) => ({ item, action: decideFinal(item) }));
  const ending = decided.flatMap(({ item, action }) =>
    action.kind === 'end' ? [{ item, action }] : [],
  );
  // Behind a declared reorg what had ended is final again, mostly with the same end.
  const moving = ending.filter(({ item, action }) => item.status !== action.to);
  const ended = await advance(
    sql,
    TX,
    moving.map(({ item, action }) => ({ id: item.txId, from: item.status, to: action.to })),
    { failure_code: { type: 'text', values: moving.map(({ action }) => action.code) } },
  );
  const telling = ending.filter(
    ({ item, action }) => (ended.has(item.txId) || item.status === action.to) && !wasTold(item),
  );
  await enqueue(
    sql,
    telling.map(({ item }) => jobFor(item, finalTopic(item.ownerKind), item.ownerId)),
  );
  await setFinalProgress(sql, crossings);
  await requestGas(sql, crossings);
  const parked = decided.filter(({ action }) => action.kind === 'park').map(({ item }) => item);
  await parkMismatches(context, sql, parked);
}

/** Paid and told at safe, and never orphaned since: finality changes nothing for its owner. */
function wasTold(item: Crossing): boolean {
  return item.settleAt === 'safe' && item.reorgs === 0 && isPaid(item);
}

function isPaid(item: Crossing): boolean {
  return item.kind === 'effect' && item.succeeded && item.effectOk;
}

const jobFor = (
  item: Pick<Crossing, 'tenantId' | 'correlationId'>,
  topic: string,
  subjectId: string,
): JobRequest => ({
  topic,
  subjectId,
  tenantId: item.tenantId,
  trace: item.correlationId,
});
