import { type Address, Transient } from '../../base/kernel/index.ts';
import type { Freeze } from '../../books/freeze/index.ts';
import { type LaneRow, readHeads, readLanes, type TxRow } from '../../books/tx/index.ts';
import type { BroadcasterContext } from './context.ts';
import type { LaneState } from './decide-prepare.ts';
import type { ChainFees } from './gas/quote.ts';

/** A lane as a step saw it; room and funds are counted down as the step hands them out. */
export type Lane = {
  address: Address;
  epoch: bigint;
  state: LaneState & { funds: Map<string, bigint> };
};

/** The lanes of these transactions with window, lease and free funds; no lock is held. */
export async function observeLanes(
  context: BroadcasterContext,
  txs: readonly TxRow[],
  standing: readonly Freeze[],
): Promise<Lane[]> {
  const wanted = new Set(txs.map((tx) => `${tx.tenantId}|${tx.chainId}`));
  const rows = (await readLanes(context.db)).filter((lane) =>
    wanted.has(`${lane.tenantId}|${lane.chainId}`),
  );
  const held = context.leases.held();
  const funds = await readFunds(
    context,
    rows.map((row) => row.laneId),
  );
  return rows.map((row) => {
    const window = context.chains.get(row.chainId)?.settings.window ?? 0;
    return {
      address: row.address,
      epoch: held.get(row.laneId) ?? -1n,
      state: {
        laneId: row.laneId,
        tenantId: row.tenantId,
        chainId: row.chainId,
        held: held.has(row.laneId),
        paused: row.pausedReason !== null || !isInService(context, row),
        lowGas: row.pausedReason === 'low_gas',
        frozen: standing.some(({ laneId }) => laneId === row.laneId),
        treasury: row.purpose === 'treasury',
        room: window - Number(row.nextNonce - row.minedNonce),
        funds: funds.get(row.laneId) ?? new Map(),
      },
    };
  });
}

/** Configured, and not as retired. For a lane that the file names no more nobody would sign. */
function isInService({ settings }: BroadcasterContext, lane: LaneRow): boolean {
  return settings.lanes.some(
    ({ chainId, address, retired }) =>
      chainId === lane.chainId && address === lane.address && retired !== true,
  );
}

async function readFunds(
  context: BroadcasterContext,
  laneIds: readonly number[],
): Promise<Map<number, Map<string, bigint>>> {
  const { rows } = await context.db.query<{ owner: string; asset: string; balance: bigint }>({
    name: 'lane_funds',
    text: `SELECT b.owner, b.asset, b.balance FROM lane l
      JOIN ledger_balance b ON b.tenant_id = l.tenant_id AND b.kind = 'hot' AND b.owner = l.lane_id::text
      WHERE l.lane_id = ANY($1::int[])`,
    values: [laneIds],
  });
  const funds = new Map<number, Map<string, bigint>>();
  for (const row of rows) {
    const laneId = Number(row.owner);
    const lane = funds.get(laneId) ?? new Map<string, bigint>();
    funds.set(laneId, lane.set(row.asset, row.balance));
  }
  return funds;
}

/** Lane → its native coin that is in no slot, by the ledger. */
export async function readNativeFunds(
  context: BroadcasterContext,
  laneIds: readonly number[],
): Promise<Map<number, bigint>> {
  const funds = await readFunds(context, laneIds);
  return new Map(
    [...funds].map(([laneId, assets]) => {
      const native = [...assets].find(([asset]) => asset.endsWith('/slip44:60'));
      return [laneId, native?.[1] ?? 0n];
    }),
  );
}

type ChainState =
  | { kind: 'ok'; fees: ChainFees }
  | { kind: 'chain_unreachable' }
  | { kind: 'chain_halted' };

const TELL_AT_ONCE = 500;

/** What the chains say now. A chain that can not be asked, or is halted, gives no slots. */
export async function observeChains(
  context: BroadcasterContext,
  chainIds: ReadonlySet<number>,
): Promise<Map<number, ChainState>> {
  const heads = await readHeads(context.db);
  const states = new Map<number, ChainState>();
  for (const chainId of chainIds) {
    const chain = context.chains.get(chainId);
    const head = heads.get(chainId);
    if (chain === undefined || head === undefined) {
      states.set(chainId, { kind: 'chain_unreachable' });
    } else if (head.haltedReason !== null) {
      states.set(chainId, { kind: 'chain_halted' });
    } else {
      try {
        const market = await context.feeMarkets.at(head, chain);
        states.set(chainId, { kind: 'ok', fees: { market, rules: chain.settings.fees } });
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        states.set(chainId, { kind: 'chain_unreachable' });
      }
    }
  }
  return states;
}

/**
 * Slots that may be given now over all lanes held: how many jobs are worth claiming. A lane whose chain
 * could not be opened yet counts as free: its jobs get no slot, but are told why they wait.
 */
export async function roomToPrepare(context: BroadcasterContext): Promise<number> {
  const held = context.leases.held();
  if (held.size === 0) return 0;
  const lanes = await readLanes(context.db);
  return lanes
    .filter((lane) => held.has(lane.laneId))
    .reduce((sum, lane) => {
      const chain = context.chains.get(lane.chainId);
      if (chain === undefined) return sum + TELL_AT_ONCE;
      const { window } = chain.settings;
      return sum + Math.max(0, window - Number(lane.nextNonce - lane.minedNonce));
    }, 0);
}
