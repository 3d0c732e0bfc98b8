import type { ChainPort } from '../../../base/chain/index.ts';
import type { Assets, ChainSettings } from '../../../base/config/index.ts';
import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { FILLER_GAS_LIMIT } from '../../../base/effect/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import { caip19, randomToken, Transient } from '../../../base/kernel/index.ts';
import {
  adjustTransfer,
  assignTransfer,
  type Ledger,
  type Transfer,
} from '../../../books/ledger/index.ts';
import {
  type GapFees,
  insertAdoptedStretch,
  type LaneRow,
  lockHeads,
  openFillers,
  readHeads,
  readLanes,
  reopenLane,
} from '../../../books/tx/index.ts';
import { fundingAccounts, fundingTransfers } from '../fund.ts';
import { type AdoptionFacts, type AdoptionPlan, decideAdoption } from './decide.ts';
import { type Observed, observeAdoption } from './observe.ts';

type AdoptAgainContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  installationId: string;
  /** Of the lane's chain. */
  chain: ChainSettings;
  port: ChainPort;
};

export type Adoption = { facts: AdoptionFacts; plan: AdoptionPlan; done: boolean };

/** Who opens it, and why the difference is what it is: kept with the event as evidence. */
type Word = { by: string; note: string; forced: boolean };

/**
 * Brings a closed lane into agreement with the chain and opens it: what the wallet has more than the books is
 * FUND, what it has less stands in suspense with the person's word for it, and the lane goes on at the
 * chain's nonce. A gap is filled first, and the lane stays closed until that is final. Without a word
 * nothing is done: it says what would be. One transaction; a crash leaves the lane closed.
 */
export async function adoptAgain(
  context: AdoptAgainContext,
  lane: LaneRow,
  word: Word | null,
): Promise<Adoption> {
  const observed = await observeAdoption(context.db, context, lane);
  const plan = decideAdoption(observed.facts, word?.forced ?? false);
  if (word === null || plan.kind === 'unclear') return { facts: observed.facts, plan, done: false };
  if (plan.kind === 'fill') await fillGaps(context, lane, plan.gaps, word);
  else await open(context, lane, observed, plan, word);
  return { facts: observed.facts, plan, done: true };
}

async function open(
  context: AdoptAgainContext,
  lane: LaneRow,
  { head, facts }: Observed,
  plan: AdoptionPlan & { kind: 'open' },
  word: Word,
): Promise<void> {
  const { db, ledger } = context;
  const { tenantId, laneId, chainId } = lane;
  const correlationId = randomToken();
  const ofLane = { tenantId, laneId };
  const more = plan.differences.filter(({ amount }) => amount > 0n);
  const less = plan.differences.filter(({ amount }) => amount < 0n);
  const losses = less.map(({ asset, amount }) =>
    adjustTransfer({ ...ofLane, asset, amount: -amount, movement: 'left' }),
  );
  const touched = [...more.map(({ asset }) => fundingAccounts({ ...ofLane, asset })), ...losses];
  await ledger.open(touched);
  await inTransaction(db, async (sql) => {
    const balanceOf = await ledger.lock(sql, touched);
    for (const { asset, booked } of facts.balances) {
      const hot = { tenantId, kind: 'hot' as const, owner: String(laneId), asset };
      if (plan.differences.some((one) => one.asset === asset) && balanceOf(hot) !== booked) {
        throw new Transient('the books of the lane moved while it was looked at: try again');
      }
    }
    if (!(await reopenLane(sql, lane, plan.nextNonce))) {
      throw new Transient('the lane moved while it was looked at: try again');
    }
    await lockHeads(sql, [chainId], 'share');
    const now = (await readHeads(sql)).get(chainId);
    if (now === undefined || now.finalized < head.finalized) {
      throw new Transient('the chain went back while it was looked at: try again');
    }
    const fundings = more.map((difference) => ({ ...ofLane, ...difference }));
    const booked = [...more, ...less];
    const ids = await ledger.post(sql, [...fundingTransfers(fundings, balanceOf), ...losses]);
    const native = booked.findIndex(({ asset }) => asset === caip19(chainId, null));
    const followed = await insertAdoptedStretch(sql, {
      laneId,
      atBlock: head.finalized,
      toNonce: plan.nextNonce,
      nativeBalance: facts.balances.find(({ asset }) => asset === caip19(chainId, null))!.held,
      difference: booked[native]?.amount ?? 0n,
      transferId: ids[native] ?? null,
    });
    if (!followed)
      throw new Transient('the gas of the lane was booked up to this block: try again');
    await tell(
      sql,
      lane,
      word,
      { what: 'lane.adopted', correlationId },
      {
        forced: word.forced,
        atBlock: head.finalized,
        nextNonce: plan.nextNonce.toString(),
        booked: booked.map(({ asset, amount }, index) => ({
          asset,
          amount: amount.toString(),
          transferId: ids[index],
        })),
        foreign: facts.use.foreign.map(({ txHash }) => txHash),
      },
    );
  });
}

/** To whoever follows the history, and for whoever asks one day who did it. */
async function tell(
  sql: Sql,
  { tenantId, laneId, chainId, address }: LaneRow,
  word: Word,
  done: { what: 'lane.adopted' | 'lane.gap_filled'; correlationId: string },
  more: Record<string, unknown>,
): Promise<void> {
  const { what, correlationId } = done;
  const data = { chainId, address, by: word.by, reason: word.note, ...more };
  await writeEvents(sql, [{ tenantId, type: what, correlationId, data }]);
  const act = { tenantId, action: what, actor: word.by, subject: String(laneId), correlationId };
  await writeAudit(sql, [{ ...act, detail: data }]);
}

/**
 * At the fee cap, of which only the block's price is paid; where a legacy price is paid in full, twice what the node
 * asks, or the cap. Half as much again as the cap is set aside for a bump.
 */
async function gapFeesOf(port: ChainPort, { fees }: ChainSettings): Promise<GapFees> {
  const { maxFeePerGas, minPriorityFeePerGas: tip } = fees;
  const gasReserved = (FILLER_GAS_LIMIT * maxFeePerGas * 3n) / 2n;
  const market = await port.feeMarket({ blocks: 1, percentiles: [50] });
  if (market.baseFeePerGas !== null) {
    return { maxFeePerGas, maxPriorityFeePerGas: tip, txType: 2, gasReserved };
  }
  const wanted = 2n * (market.gasPrice > tip ? market.gasPrice : tip) || 1n;
  const price = wanted < maxFeePerGas ? wanted : maxFeePerGas;
  return { maxFeePerGas: price, maxPriorityFeePerGas: price, txType: 0, gasReserved };
}

async function fillGaps(
  context: AdoptAgainContext,
  lane: LaneRow,
  gaps: readonly bigint[],
  word: Word,
): Promise<void> {
  const { db, ledger, port, chain, installationId } = context;
  const { tenantId, laneId, chainId, address } = lane;
  const fees = await gapFeesOf(port, chain);
  const correlationId = randomToken();
  const native = caip19(chainId, null);
  const assign = (txId: string): Transfer =>
    assignTransfer({
      ...{ tenantId, txId, laneId, correlationId, amount: 0n, gasReserved: fees.gasReserved },
      asset: native,
      nativeAsset: native,
    });
  await ledger.open([assign('')]);
  await inTransaction(db, async (sql) => {
    const balanceOf = await ledger.lock(sql, [assign('')]);
    const hot = { tenantId, kind: 'hot' as const, owner: String(laneId), asset: native };
    if (balanceOf(hot) < fees.gasReserved * BigInt(gaps.length)) {
      throw new Transient(
        `lane ${address} has not the gas for ${gaps.length} self-transfers: send it some first`,
      );
    }
    const epoch = await lockClosed(sql, lane);
    const made = { ...fees, installationId, correlationId };
    const txIds = await openFillers(sql, { ...lane, epoch }, gaps, made);
    await ledger.post(sql, txIds.map(assign));
    const done = { what: 'lane.gap_filled', correlationId } as const;
    await tell(sql, lane, word, done, { nonces: gaps.map(String) });
  });
}

/** Still closed, under its lock; the epoch that it has. */
async function lockClosed(sql: Sql, { laneId, pausedReason }: LaneRow): Promise<bigint> {
  await sql.query('SELECT 1 FROM lane WHERE lane_id = $1 FOR UPDATE', [laneId]);
  const now = (await readLanes(sql)).find((one) => one.laneId === laneId);
  if (now?.pausedReason !== pausedReason) throw new Transient('the lane moved: try again');
  return now!.epoch;
}
