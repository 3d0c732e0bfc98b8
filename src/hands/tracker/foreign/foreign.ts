import type { ChainPort } from '../../../base/chain/index.ts';
import { inTransaction } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { type Address, nonceKey, Transient } from '../../../base/kernel/index.ts';
import {
  type ForeignUse,
  type HeadRow,
  insertForeign,
  type LaneRow,
  type MissingNonce,
  matchAttempts,
  pauseLanes,
  readBlockHashes,
  readMissingNonces,
  readUsedLanes,
} from '../../../books/tx/index.ts';
import { type TrackerContext, takeHead } from '../context.ts';
import type { Found } from '../inclusions.ts';
import { judgeForeign } from './decide-foreign.ts';

/** Found in one round; the rest in the next ones. */
const FOUND_A_ROUND = 16;

/** Lane → nonces consumed after these blocks: by these inclusions, and by whatever was counted before. */
export function ownProgress(
  lanes: readonly Pick<LaneRow, 'laneId' | 'minedNonce'>[],
  found: readonly { attempt: Pick<Found['attempt'], 'laneId' | 'nonce'> }[],
): Map<number, bigint> {
  const own = new Map(lanes.map((lane) => [lane.laneId, new Set<bigint>()]));
  for (const { attempt } of found) own.get(attempt.laneId)?.add(attempt.nonce);
  return new Map(
    lanes.map((lane) => [lane.laneId, lane.minedNonce + BigInt(own.get(lane.laneId)!.size)]),
  );
}

type AskedLane = Pick<LaneRow, 'laneId' | 'address' | 'minedNonce' | 'atBlock'>;

/**
 * Lanes of which the chain had consumed more nonces at our head than is accounted for: somebody else signs with
 * the key. A lane that was adopted at a later block is not asked about yet.
 */
export async function foreignLanes<Lane extends AskedLane>(
  port: Pick<ChainPort, 'transactionCounts'>,
  lanes: readonly Lane[],
  head: number,
): Promise<{ lane: Lane; consumed: bigint }[]> {
  const asked = lanes.filter((lane) => lane.atBlock <= head);
  let counts: bigint[];
  try {
    counts = await port.transactionCounts(
      asked.map((lane) => lane.address),
      head,
    );
  } catch (error) {
    // A node that was restarted may have the block and not its state: the walk goes on, later heads are asked about.
    if (!(error instanceof Transient)) throw error;
    return [];
  }
  return asked
    .map((lane, index) => ({ lane, consumed: counts[index]! }))
    .filter(({ lane, consumed }) => consumed > lane.minedNonce);
}

type Foreign = { lanes: LaneRow[]; uses: ForeignUse[] };

/**
 * Lanes that somebody else used as of a block that we hold, and the transactions that did it as far as they are new. A
 * transaction that the node can not show now is looked for again at the next block: until then its lane is
 * frozen and its nonce not accounted for.
 */
export async function findForeign(
  context: Pick<TrackerContext, 'db' | 'chainId' | 'port' | 'log'>,
  lanes: readonly LaneRow[],
  head: number,
): Promise<Foreign> {
  const found = await foreignLanes(context.port, lanes, head);
  const uses: ForeignUse[] = [];
  for (const { lane, consumed } of found) {
    const more = Number(consumed - lane.minedNonce);
    const limit = Math.min(more, FOUND_A_ROUND);
    for (const missing of await readMissingNonces(context.db, lane.laneId, consumed, limit)) {
      try {
        const use = await findUse(context, lane.address, missing, head);
        if (use !== null) uses.push(use);
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        context.log.warn(
          {
            nonceKey: nonceKey(context.chainId, lane.address, missing.nonce),
            error: error.message,
            code: 'foreign_nonce',
          },
          'the transaction that used the nonce is not found yet',
        );
      }
    }
  }
  const known = await readUsedLanes(context.db, context.chainId);
  const unfrozen = lanes.filter(
    ({ laneId, pausedReason }) => known.has(laneId) && pausedReason !== 'foreign_nonce',
  );
  return { lanes: [...unfrozen, ...found.map(({ lane }) => lane)], uses };
}

async function findUse(
  { db, chainId, port }: Pick<TrackerContext, 'db' | 'chainId' | 'port'>,
  lane: Address,
  { laneId, nonce, fromBlock, intent }: MissingNonce,
  head: number,
): Promise<ForeignUse | null> {
  const height = await blockOfNonce(port, lane, { nonce, from: fromBlock, to: head });
  const block = await port.blockTransactions(height);
  const ours = (await readBlockHashes(db, chainId, [height])).get(height);
  const shown = block?.transactions.find((one) => one.from === lane && one.nonce === nonce);
  if (block === null || block.hash !== ours || shown === undefined) {
    throw new Transient(`block ${height} does not show it: the node moved`);
  }
  const [receipt] = await port.receipts([shown.hash]);
  if (receipt?.blockHash !== block.hash) throw new Transient(`${shown.hash} has no receipt there`);
  // Ours after all, signed after its block was walked: the walk of a restored database may meet such bytes.
  if ((await matchAttempts(db, chainId, [shown.hash])).size > 0) return null;
  return {
    laneId,
    nonce,
    txHash: shown.hash,
    blockNumber: height,
    blockHash: block.hash,
    ...judgeForeign(lane, intent, shown, receipt),
  };
}

/**
 * The block in from..to that consumed a nonce, by the counts of the sender's transactions. Goes down from the
 * newest in doubling steps before it halves: nodes without an archive have the newest states only.
 */
export async function blockOfNonce(
  port: Pick<ChainPort, 'transactionCounts'>,
  lane: Address,
  { nonce, from, to }: { nonce: bigint; from: number; to: number },
): Promise<number> {
  const consumedAt = async (height: number) =>
    (await port.transactionCounts([lane], height))[0]! > nonce;
  let consumed = to;
  let open = from - 1;
  for (let step = 1; consumed - step > open; step *= 2) {
    if (!(await consumedAt(consumed - step))) {
      open = consumed - step;
      break;
    }
    consumed -= step;
  }
  while (consumed - open > 1) {
    const middle = (consumed + open) >> 1;
    if (await consumedAt(middle)) consumed = middle;
    else open = middle;
  }
  return consumed;
}

/**
 * Freezes such lanes, so that they give no more slots until a person has looked, and writes down what was
 * found, under the head that the walk stands at. Lanes come before heads in the order of locks, hence a
 * transaction of its own; a crash before it leaves the use to be found again at the next block.
 */
export async function recordForeign(
  context: TrackerContext,
  head: HeadRow,
  epoch: bigint,
  foreign: Foreign,
): Promise<void> {
  if (foreign.lanes.length === 0) return;
  const { chainId, log } = context;
  const laneOf = new Map(foreign.lanes.map((lane) => [lane.laneId, lane]));
  await inTransaction(context.db, async (sql) => {
    const frozen = await pauseLanes(sql, [...laneOf.keys()], { reason: 'foreign_nonce' });
    await takeHead(sql, head, epoch);
    const made = await insertForeign(sql, chainId, foreign.uses);
    for (const { address } of frozen) {
      log.error({ chainId, address, code: 'foreign_nonce' }, 'the lane is frozen');
    }
    const uses = made.map(({ laneId, nonce, txHash, blockNumber, paysIntent, did }) => {
      const { tenantId, address } = laneOf.get(laneId)!;
      const told = { chainId, address, nonce: nonce.toString(), txHash, blockNumber, paysIntent };
      log.error({ ...told, code: 'foreign_nonce' }, 'a transaction that is not ours used a nonce');
      return { tenantId, type: 'lane.foreign_nonce', data: { ...told, ...did } };
    });
    await writeEvents(sql, [
      ...frozen.map(({ tenantId, address }) => ({
        tenantId,
        type: 'lane.paused',
        data: { chainId, address, reason: 'foreign_nonce' },
      })),
      ...uses,
    ]);
  });
}
