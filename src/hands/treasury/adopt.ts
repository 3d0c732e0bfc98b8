import type { ChainPort } from '../../base/chain/index.ts';
import type { Assets, LaneSettings } from '../../base/config/index.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { caip19, Invariant } from '../../base/kernel/index.ts';
import { fundTransfer, type Ledger } from '../../books/ledger/index.ts';
import { readHeads, readLanes, registerLane, resumeLanes } from '../../books/tx/index.ts';

const ADOPTING = 'adopting';

export type AdoptContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  ports: ReadonlyMap<number, ChainPort>;
};

/**
 * Takes a hot wallet into the books: registers the lane at the nonce that the chain shows, closed, then
 * books what it holds as FUND and opens it in one transaction, so that it happens once; a crash
 * in between leaves a closed lane that the next call opens. Returns the lane's id, or null when it
 * was in the books already.
 */
export async function adoptLane(
  context: AdoptContext,
  tenantId: string,
  lane: LaneSettings,
): Promise<number | null> {
  const { db, ledger } = context;
  const port = context.ports.get(lane.chainId);
  const head = (await readHeads(db)).get(lane.chainId);
  if (port === undefined || head === undefined) {
    throw new Invariant(
      'internal',
      `chain ${lane.chainId} has no head yet; its walk starts before lanes are adopted`,
    );
  }
  // As of the block where the walk stands: what comes later is seen by the walk.
  const [firstNonce] = await port.transactionCounts([lane.address], head.latest);
  await registerLane(
    db,
    { tenantId, chainId: lane.chainId, address: lane.address, firstNonce: firstNonce! },
    ADOPTING,
  );
  const row = (await readLanes(db, lane.chainId)).find(
    (candidate) => candidate.address === lane.address,
  );
  if (row?.pausedReason !== ADOPTING) return null;
  const { laneId } = row;
  const holdings = await readHoldings(context, port, lane, head.latest);
  const custodyOf = (asset: string) => ({ tenantId, kind: 'custody' as const, owner: '', asset });
  const fund = (custody: (asset: string) => bigint) =>
    holdings.map(({ asset, amount }) =>
      fundTransfer({ tenantId, laneId, asset, amount, custody: custody(asset) }),
    );
  // Half from custody names every account that may be touched.
  const probe = fund(
    (asset) => (holdings.find((holding) => holding.asset === asset)?.amount ?? 0n) / 2n,
  );
  await ledger.open(probe);
  return inTransaction(db, async (sql) => {
    const balanceOf = await ledger.lock(sql, probe);
    if (!(await resumeLanes(sql, [laneId], ADOPTING))) return null;
    await ledger.post(
      sql,
      fund((asset) => balanceOf(custodyOf(asset))),
    );
    return laneId;
  });
}

async function readHoldings(
  context: AdoptContext,
  port: ChainPort,
  lane: LaneSettings,
  at: number,
): Promise<{ asset: string; amount: bigint }[]> {
  const [native] = await port.balances([lane.address], at);
  const holdings = [{ asset: caip19(lane.chainId, null), amount: native! }];
  for (const asset of context.assets.all) {
    if (asset.chainId !== lane.chainId || asset.address === null) continue;
    const [amount] = await port.tokenBalances(asset.address, [lane.address], at);
    holdings.push({ asset: asset.caip19, amount: amount! });
  }
  return holdings.filter((holding) => holding.amount > 1n);
}
