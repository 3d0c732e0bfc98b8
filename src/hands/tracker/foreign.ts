import { inTransaction } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { type LaneRow, pauseLanes } from '../../books/tx/index.ts';
import type { Found, TrackerContext } from './context.ts';

/**
 * Lanes of which the chain consumed more nonces than our own hashes account for in the blocks just walked:
 * somebody else signs with the key. `lanes` holds what was consumed before these blocks.
 */
export function foreignLanes(
  lanes: readonly Pick<LaneRow, 'laneId' | 'minedNonce'>[],
  progress: ReadonlyMap<number, bigint>,
  found: readonly { attempt: Pick<Found['attempt'], 'laneId' | 'nonce'> }[],
): number[] {
  const own = new Map<number, Set<bigint>>();
  for (const { attempt } of found) {
    own.set(attempt.laneId, (own.get(attempt.laneId) ?? new Set()).add(attempt.nonce));
  }
  return lanes
    .filter((lane) => {
      const consumed = progress.get(lane.laneId);
      return (
        consumed !== undefined &&
        consumed > lane.minedNonce + BigInt(own.get(lane.laneId)?.size ?? 0)
      );
    })
    .map((lane) => lane.laneId);
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
