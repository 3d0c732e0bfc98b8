import type { ChainPort } from '../../../base/chain/index.ts';
import type { Assets } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { type Address, caip19, Transient } from '../../../base/kernel/index.ts';
import { readLaneBalances } from '../../../books/ledger/index.ts';
import { type HeadRow, type LaneRow, readHeads, readLaneUse } from '../../../books/tx/index.ts';
import type { AdoptionFacts } from './decide.ts';

export type Observed = { facts: AdoptionFacts; head: HeadRow };

/** Chain and books about one lane, as of the block that is final in the books. */
export async function observeAdoption(
  sql: Sql,
  { assets, port }: { assets: Assets; port: ChainPort },
  lane: LaneRow,
): Promise<Observed> {
  const { laneId, chainId, address } = lane;
  const head = (await readHeads(sql)).get(chainId);
  if (head === undefined) throw new Transient(`chain ${chainId} is not walked yet`);
  const count = async (at: number | 'latest' | 'pending') =>
    (await port.transactionCounts([address], at))[0]!;
  const counts = {
    finalized: await count(head.finalized),
    latest: await count('latest'),
    pending: await count('pending'),
  };
  const held = new Map(
    (await readHoldings({ assets, port }, { chainId, address }, head.finalized)).map(
      ({ asset, amount }) => [asset, amount],
    ),
  );
  const booked = await readLaneBalances(sql, [laneId]);
  const ofBooks = new Map(booked.map((row) => [row.asset, row]));
  return {
    head,
    facts: {
      pausedReason: lane.pausedReason,
      nextNonce: lane.nextNonce,
      accounted: lane.minedNonce,
      counts,
      use: await readLaneUse(sql, laneId, counts.finalized),
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

/** What a wallet holds of the native coin and of every configured token at a block; zeros too. */
export async function readHoldings(
  { assets, port }: { assets: Assets; port: ChainPort },
  { chainId, address }: { chainId: number; address: Address },
  at: number,
): Promise<{ asset: string; amount: bigint }[]> {
  const [native] = await port.balances([address], at);
  const holdings = [{ asset: caip19(chainId, null), amount: native! }];
  for (const asset of assets.all) {
    if (asset.chainId !== chainId || asset.address === null) continue;
    const [amount] = await port.tokenBalances(asset.address, [address], at);
    holdings.push({ asset: asset.caip19, amount: amount! });
  }
  return holdings;
}
