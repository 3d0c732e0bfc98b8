import type { ChainPort } from '../../base/chain/index.ts';
import type { ChainSettings } from '../../base/config/index.ts';
import type { Db, Sql } from '../../base/db/index.ts';
import { type Address, type Clock, type Log, Transient } from '../../base/kernel/index.ts';
import { type HeadRow, lockHeads, readHeads } from '../../books/tx/index.ts';

export type TrackerContext = {
  db: Db;
  owner: string;
  chainId: number;
  settings: ChainSettings;
  port: ChainPort;
  /** Whose arrivals on lanes are booked: those of the configured assets. */
  tokens: readonly Address[];
  clock: Clock;
  log: Log;
};

/** The head under lock, ours and unmoved; else this round is void. */
export async function takeHead(sql: Sql, head: HeadRow, epoch: bigint): Promise<void> {
  await lockHeads(sql, [head.chainId], 'update');
  const now = (await readHeads(sql)).get(head.chainId);
  if (now === undefined || now.epoch !== epoch || now.hash !== head.hash) {
    throw new Transient(`chain ${head.chainId}: the walk was taken over`);
  }
}
