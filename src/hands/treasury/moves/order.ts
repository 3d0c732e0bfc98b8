import type { Assets, LaneSettings, TreasurySettings } from '../../../base/config/index.ts';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { intentId } from '../../../base/effect/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import { type Address, type Refusal, randomToken } from '../../../base/kernel/index.ts';
import { readLaneBalances } from '../../../books/ledger/index.ts';
import { openTxs, readLanes } from '../../../books/tx/index.ts';
import {
  judgeSweep,
  type Move,
  type Proposal,
  planSweeps,
  planTopUps,
  proposeRebalancing,
  type Wallets,
} from './decide.ts';
import { insertMoves, type MoveRow, readEarlierMoves } from './rows.ts';

type MovesContext = {
  db: Db;
  assets: Assets;
  installationId: string;
  lanes: readonly LaneSettings[];
  treasury: readonly TreasurySettings[];
};

/** Fills lanes that have too little gas; how many top-ups were asked for. Safe to run at any time and twice. */
export async function topUpLanes(context: MovesContext): Promise<number> {
  if (context.treasury.every(({ topUp }) => topUp === null)) return 0;
  const wallets = await readWalletFunds(context);
  const planned = planTopUps(wallets, context.lanes, await readEarlierMoves(context.db));
  return (await orderMoves(context, planned, 'the regular check')).length;
}

/** Asks for the sweep of lanes: what they have above what they are to keep goes to their treasury wallet. */
export async function sweepLanes(
  context: MovesContext,
  laneIds: readonly number[],
  requestedBy: string,
): Promise<MoveRow[]> {
  const planned = planSweeps(await readWalletFunds(context), new Set(laneIds));
  return orderMoves(context, planned, requestedBy);
}

/** Asks for the sweep of one lane, or says why it can not be swept; null: there is none. */
export async function sweepLane(
  context: MovesContext,
  laneId: number,
  requestedBy: string,
): Promise<MoveRow[] | Refusal | null> {
  const wallets = await readWalletFunds(context);
  const lane = wallets.lanes.find((one) => one.laneId === laneId);
  if (lane === undefined) return null;
  return (
    judgeSweep(wallets, lane) ??
    orderMoves(context, planSweeps(wallets, new Set([laneId])), requestedBy)
  );
}

/** What could be moved so that every lane has its minimums. */
export async function readProposals(context: MovesContext): Promise<Proposal[]> {
  return proposeRebalancing(await readWalletFunds(context), context.lanes);
}

async function readWalletFunds({ db, treasury }: MovesContext): Promise<Wallets> {
  const lanes = await readLanes(db);
  const balances = await readLaneBalances(
    db,
    lanes.map(({ laneId }) => laneId),
  );
  return { lanes, balances, treasury };
}

/**
 * Writes moves and opens their transactions in one act; a crash leaves both or none. Their intents are derived from
 * the generation, so that however often a move is asked for it is made once. The signer judges each by
 * its own configuration.
 */
async function orderMoves(
  context: MovesContext,
  planned: readonly Move[],
  requestedBy: string,
): Promise<MoveRow[]> {
  if (planned.length === 0) return [];
  const correlationId = randomToken();
  return inTransaction(context.db, async (sql) => {
    const made = await insertMoves(sql, planned, { requestedBy, correlationId });
    const moveOf = (row: MoveRow) =>
      planned.find(
        (one) =>
          one.kind === row.kind &&
          one.from.laneId === row.fromLane &&
          one.to.laneId === row.toLane &&
          one.asset === row.asset,
      )!;
    await openTxs(
      sql,
      made.map((row) => {
        const { from, to } = moveOf(row);
        const { tenantId, kind, moveId, fromLane, asset, amount, generation } = row;
        const idempotencyKey = `${kind}:${fromLane}:${row.toLane}:${asset}:${generation}`;
        const { installationId } = context;
        return {
          tenantId,
          ownerKind: kind,
          ownerId: moveId,
          operation: kind,
          intentId: intentId({ installationId, tenantId, operation: kind, idempotencyKey }),
          idempotencyKey,
          chainId: from.chainId,
          asset,
          token: tokenOf(context.assets, asset),
          recipient: to.address,
          amount,
          decisionId: null,
          settleAt: 'finalized' as const,
          expiresAt: null,
          correlationId,
          fromLane,
          toLane: row.toLane,
        };
      }),
    );
    await writeEvents(
      sql,
      made.map((row) => ({
        tenantId: row.tenantId,
        type: row.kind === 'topup' ? 'lane.top_up' : 'lane.sweep',
        subjectId: row.moveId,
        correlationId,
        data: eventData(row),
      })),
    );
    await writeAudit(
      sql,
      made.map((row) => ({
        tenantId: row.tenantId,
        action: `lane.${row.kind}`,
        actor: requestedBy,
        subject: row.moveId,
        correlationId,
        detail: eventData(row),
      })),
    );
    return made;
  });
}

function tokenOf(assets: Assets, asset: string): Address | null {
  return assets.find(asset)?.address ?? null;
}

export function eventData({ fromLane, toLane, asset, amount }: MoveRow): Record<string, unknown> {
  return { fromLane, toLane, asset, amount: amount.toString() };
}
