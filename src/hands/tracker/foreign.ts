import type { ChainPort } from '../../base/chain/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { Transient } from '../../base/kernel/index.ts';
import { type LaneRow, pauseLanes } from '../../books/tx/index.ts';
import type { TrackerContext } from './context.ts';
import type { Found } from './inclusions.ts';

/** Lane → nonces consumed after these blocks, as far as our own hashes consumed them. */
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

/**
 * Lanes of which the chain had consumed more nonces at our head than our own hashes account for: somebody
 * else signs with the key. A lane that was adopted at a later block is not asked about yet.
 */
export async function foreignLanes(
  port: Pick<ChainPort, 'transactionCounts'>,
  lanes: readonly Pick<LaneRow, 'laneId' | 'address' | 'minedNonce' | 'atBlock'>[],
  head: number,
): Promise<number[]> {
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
  return asked.filter((lane, index) => counts[index]! > lane.minedNonce).map((lane) => lane.laneId);
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
