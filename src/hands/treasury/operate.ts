import { type Db, inTransaction } from '../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../base/event/index.ts';
import { type Refusal, refuse } from '../../base/kernel/index.ts';
import {
  type LaneRow,
  type PauseReason,
  pauseLanes,
  readLanes,
  resumeLanes,
} from '../../books/tx/index.ts';

type Order = { laneId: number; by: string; note: string };

const BY_ADOPTION: readonly (string | null)[] = ['adopting', 'foreign_nonce'];
const BY_A_PERSON: readonly PauseReason[] = ['operator', 'low_gas', 'funds'];

/** Stops a lane from giving slots; what is in flight goes on. A lane that waits for its adoption stays that. */
export async function pauseLane(
  db: Db,
  { laneId, by, note }: Order,
): Promise<LaneRow | Refusal | null> {
  return changeLane(db, laneId, async (sql, lane) => {
    const paused = await pauseLanes(sql, [laneId], { reason: 'operator', by, note });
    if (paused.length === 0) return;
    const { tenantId, chainId, address } = lane;
    const data = { chainId, address, reason: 'operator', by, note };
    await writeEvents(sql, [{ tenantId, type: 'lane.paused', data }]);
    const act = { tenantId, actor: by, subject: String(laneId), detail: data };
    await writeAudit(sql, [{ ...act, action: 'lane.paused' }]);
  });
}

/** Opens a lane that a person or a lack of funds paused; what paused it may do so again. */
export async function resumeLane(
  db: Db,
  { laneId, by, note }: Order,
): Promise<LaneRow | Refusal | null> {
  return changeLane(db, laneId, async (sql, lane) => {
    if ((await resumeLanes(sql, [laneId], BY_A_PERSON)).length === 0) return;
    const { tenantId, chainId, address, pausedReason } = lane;
    const data = { chainId, address, reason: pausedReason, by, note };
    await writeEvents(sql, [{ tenantId, type: 'lane.resumed', data }]);
    const act = { tenantId, actor: by, subject: String(laneId), detail: data };
    await writeAudit(sql, [{ ...act, action: 'lane.resumed' }]);
  });
}

/** The lane as it is after the change; null: there is none. */
async function changeLane(
  db: Db,
  laneId: number,
  change: (sql: Parameters<typeof readLanes>[0], lane: LaneRow) => Promise<void>,
): Promise<LaneRow | Refusal | null> {
  return inTransaction(db, async (sql) => {
    await sql.query('SELECT 1 FROM lane WHERE lane_id = $1 FOR UPDATE', [laneId]);
    const find = async () => (await readLanes(sql)).find((one) => one.laneId === laneId);
    const lane = await find();
    if (lane === undefined) return null;
    if (BY_ADOPTION.includes(lane.pausedReason)) {
      return refuse(
        'lane_frozen',
        `Lane ${laneId} is closed (${lane.pausedReason}); it opens by its adoption only: payonce lanes adopt ${laneId}.`,
        { members: { reason: lane.pausedReason! } },
      );
    }
    await change(sql, lane);
    return (await find())!;
  });
}
