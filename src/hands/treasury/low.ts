import type { LaneSettings } from '../../base/config/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { caip19 } from '../../base/kernel/index.ts';
import type { Finding } from '../../books/finding/index.ts';
import { type LaneBalance, readLaneBalances } from '../../books/ledger/index.ts';
import { type LaneRow, pauseLanes, readLanes, resumeLanes } from '../../books/tx/index.ts';

/** A lane that has less of an asset than it is to have, in base units. */
type Low = { lane: LaneRow; asset: string; gas: boolean; balance: bigint; minimum: bigint };

/** What lanes lack of their minimums, by their free funds in the books. Lanes without minimums lack nothing. */
export function decideLow(
  lanes: readonly LaneRow[],
  balances: readonly Pick<LaneBalance, 'laneId' | 'asset' | 'hot'>[],
  settings: readonly LaneSettings[],
): Low[] {
  return lanes.flatMap((lane) => {
    const { minGas = 0n, minBalances = [] } =
      settings.find((one) => one.chainId === lane.chainId && one.address === lane.address) ?? {};
    const minimums = [
      { asset: caip19(lane.chainId, null), minimum: minGas, gas: true },
      ...minBalances.map(({ asset, amount }) => ({ asset, minimum: amount, gas: false })),
    ];
    return minimums.flatMap(({ asset, minimum, gas }) => {
      const row = balances.find((one) => one.laneId === lane.laneId && one.asset === asset);
      const balance = row?.hot ?? 0n;
      return balance < minimum ? [{ lane, asset, gas, balance, minimum }] : [];
    });
  });
}

/**
 * Pauses lanes whose native coin is below their minimum, which is kept for the gas of what is under way, and opens
 * those again that have enough. A lane with little of another asset is told only: what it does not cover
 * waits, and the rest is paid. By the books; no node is asked. Safe to run at any time and twice.
 */
export async function checkFunds(db: Db, settings: readonly LaneSettings[]): Promise<Finding[]> {
  const lanes = await readLanes(db);
  const balances = await readLaneBalances(
    db,
    lanes.map(({ laneId }) => laneId),
  );
  const low = decideLow(lanes, balances, settings);
  const poor = new Set(low.filter(({ gas }) => gas).map(({ lane }) => lane.laneId));
  const pausing = lanes.filter((lane) => poor.has(lane.laneId));
  const opening = lanes.filter((lane) => lane.pausedReason === 'low_gas' && !poor.has(lane.laneId));
  if (pausing.some((lane) => lane.pausedReason === null) || opening.length > 0) {
    await changePauses(db, pausing, opening);
  }
  return low.map(({ lane, asset, gas, balance, minimum }) => ({
    kind: gas ? 'lane.low_gas' : 'lane.low_balance',
    subject: `${lane.laneId}:${asset}`,
    tenantId: lane.tenantId,
    detail: {
      laneId: lane.laneId,
      chainId: lane.chainId,
      address: lane.address,
      asset,
      balance: balance.toString(),
      minimum: minimum.toString(),
    },
  }));
}

async function changePauses(
  db: Db,
  pausing: readonly LaneRow[],
  opening: readonly LaneRow[],
): Promise<void> {
  const idsOf = (lanes: readonly LaneRow[]) => lanes.map(({ laneId }) => laneId);
  await inTransaction(db, async (sql) => {
    const paused = await pauseLanes(sql, idsOf(pausing), { reason: 'low_gas' });
    const opened = new Set(await resumeLanes(sql, idsOf(opening), ['low_gas']));
    const event = (type: string, { tenantId, chainId, address }: LaneRow) => ({
      tenantId,
      type,
      data: { chainId, address, reason: 'low_gas' },
    });
    await writeEvents(sql, [
      ...paused.map((lane) => event('lane.paused', lane)),
      ...opening
        .filter(({ laneId }) => opened.has(laneId))
        .map((lane) => event('lane.resumed', lane)),
    ]);
  });
}
