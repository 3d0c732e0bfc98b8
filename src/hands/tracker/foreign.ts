import type { ChainPort } from '../../base/chain/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { type LaneRow, pauseLanes } from '../../books/tx/index.ts';
import type { Found, TrackerContext } from './context.ts';

type Progress = ReadonlyMap<number, bigint>;

/** Lane → nonces consumed after these blocks, if only our own hashes consumed any. */
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

/** Lane → nonces consumed as of a block, as the node counts them. */
export async function askProgress(
  port: ChainPort,
  lanes: readonly Pick<LaneRow, 'laneId' | 'address'>[],
  block: number,
): Promise<Map<number, bigint>> {
  const counts = await port.transactionCounts(
    lanes.map((lane) => lane.address),
    block,
  );
  return new Map(lanes.map((lane, index) => [lane.laneId, counts[index]!]));
}

/** Lanes of which the chain consumed more nonces than our own hashes account for: somebody else signs with the key. */
export function foreignLanes(own: Progress, consumed: Progress): number[] {
  return [...consumed]
    .filter(([laneId, count]) => count > (own.get(laneId) ?? count))
    .map(([laneId]) => laneId);
}

/**
 * Such a lane gives no more slots until a person has looked; what it has in flight keeps its reserve. (Lanes
 * come before heads in the order of locks, hence a transaction of its own.)
 */
export async function freezeForeign(
  context: TrackerContext,
  laneIds: readonly number[],
): Promise<void> {
  if (laneIds.length === 0) return;
  await inTransaction(context.db, async (sql) => {
    const paused = await pauseLanes(sql, laneIds, 'foreign_nonce');
    for (const lane of paused) {
      context.log.error(
        { chainId: lane.chainId, address: lane.address, code: 'foreign_nonce' },
        'the lane is frozen',
      );
    }
    await writeEvents(
      sql,
      paused.map((lane) => ({
        tenantId: lane.tenantId,
        type: 'lane.paused',
        data: { chainId: lane.chainId, address: lane.address, reason: 'foreign_nonce' },
      })),
    );
  });
}
