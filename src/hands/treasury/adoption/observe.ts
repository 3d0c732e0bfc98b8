import type { ChainPort } from '../../../base/chain/index.ts';
import type { Assets } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { type Address, caip19, Transient } from '../../../base/kernel/index.ts';
import { type LaneBalance, readLaneBalances } from '../../../books/ledger/index.ts';
import {
  type HeadRow,
  type LaneRow,
  type LaneUse,
  readHeads,
  readLaneUse,
} from '../../../books/tx/index.ts';
import { countOpenMoves } from '../moves/rows.ts';
import type { AdoptionFacts } from './decide.ts';

export type Observed = { facts: AdoptionFacts; head: HeadRow };

/** Chain and books about one lane, as of the block that is final in the books. */
export async function observeAdoption(
  sql: Sql,
  { assets, port }: { assets: Assets; port: ChainPort },
  lane: LaneRow,
): Promise<Observed> {
  const { chainId, address } = lane;
  const { head, use, moves, balances } = await readBooks(sql, lane);
  const count = async (at: number | 'latest' | 'pending') =>
    (await port.transactionCounts([address], at))[0]!;
  const counts = {
    finalized: await count(head.finalized),
    latest: await count('latest'),
    pending: await count('pending'),
  };
  const holdings = await readHoldings({ assets, port }, { chainId, address }, head.finalized);
  const held = new Map(holdings.map(({ asset, amount }) => [asset, amount]));
  const ofBooks = new Map(balances.map((row) => [row.asset, row]));
  return {
    head,
    facts: {
      pausedReason: lane.pausedReason,
      nextNonce: lane.nextNonce,
      accounted: lane.minedNonce,
      counts,
      use,
      moves,
      balances: [...new Set([...held.keys(), ...ofBooks.keys()])].map((asset) => ({
        asset,
        // A token that is no longer configured is not asked about: nothing is booked of it.
        held: held.get(asset) ?? ofBooks.get(asset)!.hot,
        booked: ofBooks.get(asset)?.hot ?? 0n,
        gasInTransit: ofBooks.get(asset)?.gasInTransit ?? 0n,
      })),
    },
  };
}

const TRIES = 20;

type Books = { head: HeadRow; use: LaneUse; moves: number; balances: LaneBalance[] };

/**
 * The books of a lane while one block is the finalized one: what they have booked by then is compared with the
 * chain as of that block, so nothing of a later one may be among it.
 */
async function readBooks(sql: Sql, { laneId, chainId, minedNonce }: LaneRow): Promise<Books> {
  const readHead = async () => {
    const head = (await readHeads(sql)).get(chainId);
    if (head === undefined) throw new Transient(`chain ${chainId} is not walked yet`);
    return head;
  };
  let head = await readHead();
  for (let tries = 0; tries < TRIES; tries += 1) {
    const balances = await readLaneBalances(sql, [laneId]);
    const moves = await countOpenMoves(sql, laneId);
    const use = await readLaneUse(sql, laneId, minedNonce);
    const after = await readHead();
    if (after.finalized === head.finalized) return { head, use, moves, balances };
    head = after;
  }
  throw new Transient(`chain ${chainId} moves on too fast to compare a lane with it: try again`);
}

/**
 * What a wallet holds of the native coin and of every configured token at a block; zeros too. A token may be
 * younger than that block: nobody held any of it then, and what has come since is an arrival.
 */
export async function readHoldings(
  { assets, port }: { assets: Assets; port: ChainPort },
  { chainId, address }: { chainId: number; address: Address },
  at: number,
): Promise<{ asset: string; amount: bigint }[]> {
  const [native] = await port.balances([address], at);
  const holdings = [{ asset: caip19(chainId, null), amount: native! }];
  for (const asset of assets.all) {
    if (asset.chainId !== chainId || asset.address === null) continue;
    const exists = (await port.code(asset.address, at)) !== '0x';
    const [amount] = exists ? await port.tokenBalances(asset.address, [address], at) : [0n];
    holdings.push({ asset: asset.caip19, amount: amount! });
  }
  return holdings;
}
