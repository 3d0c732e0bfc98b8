import type { ChainPort, TransferLog, TransferQuery } from '../../base/chain/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { transferOf } from '../../base/effect/index.ts';
import { type Address, caip19, type Hex, Transient } from '../../base/kernel/index.ts';
import {
  type LaneRow,
  matchAttempts,
  type NewArrival,
  type OwnAttempt,
  readBlockHashes,
} from '../../books/tx/index.ts';

/**
 * What arrived on lanes, of the configured tokens, in blocks that become final: they are asked about once, so a reorg
 * changes nothing and the logs are indexed by then. One question for all lanes.
 */
export async function observeArrivals(
  context: { db: Sql; chainId: number; port: ChainPort; tokens: readonly Address[] },
  lanes: readonly LaneRow[],
  range: { above: number; upTo: number; fresh: readonly { number: number; hash: Hex }[] },
): Promise<NewArrival[]> {
  const { db, chainId, port, tokens } = context;
  if (range.upTo <= range.above) return [];
  const logs = await transfersIn(port, {
    tokens,
    to: lanes.map((lane) => lane.address),
    fromBlock: range.above + 1,
    toBlock: range.upTo,
  });
  if (logs.length === 0) return [];
  const heights = [...new Set(logs.map((log) => log.blockNumber))];
  const hashes = await readBlockHashes(db, chainId, heights);
  for (const { number, hash } of range.fresh) hashes.set(number, hash);
  for (const { blockNumber, blockHash } of logs) {
    if (hashes.get(blockNumber) !== blockHash) {
      throw new Transient(`logs of block ${blockNumber}: of ${blockHash}, the node moved`);
    }
  }
  const own = await matchAttempts(db, chainId, hashesFrom(lanes, logs));
  return arrivalsOf(chainId, lanes, logs, own);
}

/** Of the transactions that moved something from one lane to another; there are none on most days. */
function hashesFrom(lanes: readonly LaneRow[], logs: readonly TransferLog[]): Hex[] {
  const addresses = new Set(lanes.map((lane) => lane.address));
  const between = logs.filter((log) => addresses.has(transferOf(log)?.from ?? '0x'));
  return [...new Set(between.map((log) => log.transactionHash))];
}

/** A node that bounds range or answer gets a smaller question; one that says nothing about a single block is not heard. */
async function transfersIn(port: ChainPort, query: TransferQuery): Promise<TransferLog[]> {
  try {
    return await port.transfers(query);
  } catch (error) {
    if (!(error instanceof Transient) || query.fromBlock === query.toBlock) throw error;
    const middle = Math.floor((query.fromBlock + query.toBlock) / 2);
    return [
      ...(await transfersIn(port, { ...query, toBlock: middle })),
      ...(await transfersIn(port, { ...query, fromBlock: middle + 1 })),
    ];
  }
}

/**
 * Not what a top-up or sweep of ours brought: who moves funds between own wallets books both sides, or they would be
 * funded twice. What somebody else moved between them with their keys did arrive. Nor transfers of zero,
 * which anybody can log, or of a lane to itself.
 */
export function arrivalsOf(
  chainId: number,
  lanes: readonly Pick<LaneRow, 'laneId' | 'address'>[],
  logs: readonly TransferLog[],
  own: ReadonlyMap<Hex, Pick<OwnAttempt, 'toLane'>>,
): NewArrival[] {
  const laneOf = new Map(lanes.map((lane) => [lane.address, lane]));
  return logs.flatMap((log) => {
    const moved = transferOf(log);
    const lane = moved?.to ? laneOf.get(moved.to) : undefined;
    if (!moved?.amount || lane === undefined || moved.from === moved.to) return [];
    if (own.get(log.transactionHash)?.toLane === lane.laneId) return [];
    return [
      {
        txHash: log.transactionHash,
        logIndex: log.logIndex,
        laneId: lane.laneId,
        asset: caip19(chainId, log.address),
        amount: moved.amount,
        sender: moved.from,
        blockNumber: log.blockNumber,
      },
    ];
  });
}
