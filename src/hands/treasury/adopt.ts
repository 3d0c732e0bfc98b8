import type { ChainPort } from '../../base/chain/index.ts';
import type { Assets, LaneSettings } from '../../base/config/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { ConfigurationError, caip19, Transient } from '../../base/kernel/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';
import {
  insertAdoption,
  type LaneRow,
  lockHeads,
  pauseLanes,
  readHeads,
  readLanes,
  registerLane,
  resumeLanes,
} from '../../books/tx/index.ts';
import { readHoldings } from './adoption/observe.ts';
import { fundingAccounts, fundingTransfers } from './fund.ts';

const ADOPTING = 'adopting';
/** Usual nodes keep the state of 128 blocks. */
const KEPT_BLOCKS = 100;

type AdoptContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  port: ChainPort;
};

/**
 * Takes a hot wallet into the books: registers the lane at the nonce that the chain shows, closed, then
 * books what it holds as FUND and opens it in one transaction, so that it happens once; a crash
 * in between leaves a closed lane that the next call opens. A wallet with transactions that are not final is
 * left alone: they may still move its funds. One in the books that the chain is ahead of is frozen. Returns
 * the lane's id, null when there is nothing to open, `waiting` when a later call may.
 */
export async function adoptLane(
  context: AdoptContext,
  tenantId: string,
  lane: LaneSettings,
): Promise<number | null | 'waiting'> {
  const { db, ledger, port } = context;
  const known = await findLane(db, lane);
  if (known !== undefined && known.purpose !== lane.purpose) {
    throw new ConfigurationError(
      `${lane.address} on ${lane.chain} is in the books as a wallet to ${known.purpose === 'pay' ? 'pay from' : 'fill lanes from'}: it can not become the other`,
    );
  }
  if (known !== undefined && known.pausedReason !== ADOPTING) {
    await freezeIfAhead(db, port, known);
    return null;
  }
  const { firstNonce, atBlock, holdings } = await lookAt(context, lane);
  const { chainId, address, purpose } = lane;
  const [latest, pending] = await Promise.all(
    (['latest', 'pending'] as const).map((at) => port.transactionCounts([address], at)),
  );
  if (latest![0] !== firstNonce || pending![0] !== firstNonce) return 'waiting';
  await registerLane(db, { tenantId, chainId, address, purpose, firstNonce, atBlock }, ADOPTING);
  const row = await findLane(db, lane);
  if (row?.pausedReason !== ADOPTING) return null;
  // It was used after a call that did not come to its end: a person adopts it.
  if (row.nextNonce !== firstNonce) return null;
  const { laneId } = row;
  const fundings = holdings.map((holding) => ({ tenantId, laneId, ...holding }));
  const accounts = fundings.map(fundingAccounts);
  const native = holdings.find(({ asset }) => asset === caip19(chainId, null));
  await ledger.open(accounts);
  return inTransaction(db, async (sql) => {
    const balanceOf = await ledger.lock(sql, accounts);
    if ((await resumeLanes(sql, [laneId], [ADOPTING])).length === 0) return null;
    // What arrives in later blocks is booked once they are final; none of them may have been passed over.
    await lockHeads(sql, [chainId], 'share');
    if (((await readHeads(sql)).get(chainId)?.finalized ?? 0) > atBlock) {
      throw new Transient(`lane ${address}: block ${atBlock} is history already`);
    }
    const nativeBalance = native?.amount ?? 0n;
    await insertAdoption(sql, { laneId, atBlock, nativeBalance });
    await ledger.post(sql, fundingTransfers(fundings, balanceOf));
    return laneId;
  });
}

type Look = {
  firstNonce: bigint;
  atBlock: number;
  holdings: { asset: string; amount: bigint }[];
};

/**
 * What the wallet has consumed and holds as of the block that is final in the books, so that no reorg can bring
 * again what is counted here. A node without an archive may have forgotten that state: then of its newest block.
 */
async function lookAt(context: AdoptContext, lane: LaneSettings): Promise<Look> {
  const { db, port } = context;
  const finalized = (await readHeads(db)).get(lane.chainId)?.finalized;
  const at = async (atBlock: number): Promise<Look> => {
    const [firstNonce] = await port.transactionCounts([lane.address], atBlock);
    const holdings = await readHoldings(context, lane, atBlock);
    const held = holdings.filter(({ amount }) => amount > 0n);
    return { firstNonce: firstNonce!, atBlock, holdings: held };
  };
  const head = await port.header('latest');
  if (head === null) throw new Transient(`chain ${lane.chainId} shows no block`);
  if (finalized === undefined) return at(head.number);
  try {
    return await at(finalized);
  } catch (error) {
    // What a node must still know it only failed to say: it is asked again later.
    if (!(error instanceof Transient) || head.number - finalized <= KEPT_BLOCKS) throw error;
    return at(head.number);
  }
}

async function findLane(db: Db, lane: LaneSettings): Promise<LaneRow | undefined> {
  const lanes = await readLanes(db, lane.chainId);
  return lanes.find(({ address }) => address === lane.address);
}

/**
 * A nonce above our next one was used by somebody else, perhaps while no worker ran: nothing given from here on
 * could be mined. The walk finds the transactions later.
 */
async function freezeIfAhead(db: Db, port: ChainPort, lane: LaneRow): Promise<void> {
  const { laneId, tenantId, chainId, address, nextNonce } = lane;
  const [consumed] = await port.transactionCounts([address], 'latest');
  if (consumed! <= nextNonce) return;
  await inTransaction(db, async (sql) => {
    const paused = await pauseLanes(sql, [laneId], { reason: 'foreign_nonce' });
    if (paused.length === 0) return;
    const data = { chainId, address, reason: 'foreign_nonce', consumed: String(consumed) };
    await writeEvents(sql, [{ tenantId, type: 'lane.paused', data }]);
  });
}
