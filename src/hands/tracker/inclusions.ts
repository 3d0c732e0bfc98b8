import type { Block, ChainPort, TransferLog } from '../../base/chain/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { checkEffect, paidByTransfers, payerOf } from '../../base/effect/index.ts';
import { type Hex, Transient } from '../../base/kernel/index.ts';
import { matchAttempts, type NewInclusion, type OwnAttempt } from '../../books/tx/index.ts';

/** An own attempt with the block that holds it. */
type Placed = { attempt: OwnAttempt; block: Block };
export type Found = { attempt: OwnAttempt; inclusion: NewInclusion };

/**
 * Logs of one question: less than the 10,000 that usual nodes give at most, and 6 MB of the 64 that an answer may
 * have. A block with more of ours is asked for by itself; should its answer be refused, receipts decide.
 */
const MOST_LOGS = 8_000;

/**
 * Our attempts in these blocks, with what they did. A payment of a token that its Transfer logs prove is not
 * asked about further: the logs of a block cost a node next to nothing, a receipt as much as half a
 * transaction. Everything else gets its receipt: coin and fillers, which log nothing, and payments whose logs
 * are missing (a node's index of logs may lag behind its head) or say something else. So it is
 * only ever by a receipt that a payment is told to have failed.
 */
export async function observeInclusions(
  sql: Sql,
  port: ChainPort,
  chainId: number,
  blocks: readonly Block[],
): Promise<Found[]> {
  const blockOf = new Map<Hex, Block>();
  for (const block of blocks) for (const hash of block.transactions) blockOf.set(hash, block);
  const own = await matchAttempts(sql, chainId, [...blockOf.keys()]);
  const placed = [...own.values()].map((attempt) => ({
    attempt,
    block: blockOf.get(attempt.txHash)!,
  }));
  const logs = await readLogs(port, placed);
  const paid = placed.filter((item) => isProven(item, logs.get(item.attempt.txHash) ?? []));
  const proven = new Set(paid);
  const others = await readReceipts(
    port,
    placed.filter((item) => !proven.has(item)),
  );
  return [...paid.map((item) => foundAs(item, { succeeded: true, effectOk: true })), ...others];
}

const isTokenPayment = ({ attempt }: Placed) => attempt.kind === 'effect' && attempt.token !== null;

/** By transaction; empty where nothing of ours may have logged, or the node would not say. */
async function readLogs(
  port: ChainPort,
  placed: readonly Placed[],
): Promise<Map<Hex, TransferLog[]>> {
  const byHash = new Map<Hex, TransferLog[]>();
  for (const page of pagesOf(placed.filter(isTokenPayment))) {
    const heights = page.map(({ block }) => block.number);
    const query = {
      tokens: [...new Set(page.map(({ attempt }) => attempt.token!))],
      from: [...new Set(page.map(({ attempt }) => payerOf(attempt)))],
      authorizations: page.some(({ attempt }) => attempt.payerAuthorization !== null),
      fromBlock: heights[0]!,
      toBlock: heights.at(-1)!,
    };
    for (const log of await port.transfers(query).catch(nothingSaid)) {
      const known = byHash.get(log.transactionHash);
      if (known === undefined) byHash.set(log.transactionHash, [log]);
      else known.push(log);
    }
  }
  return byHash;
}

function nothingSaid(error: unknown): TransferLog[] {
  if (error instanceof Transient) return [];
  throw error;
}

/** In the order of blocks, each whole, as many as one question may name. */
function* pagesOf(placed: readonly Placed[]): Generator<Placed[]> {
  const perBlock = new Map<number, Placed[]>();
  for (const item of placed) {
    const ofBlock = perBlock.get(item.block.number);
    if (ofBlock === undefined) perBlock.set(item.block.number, [item]);
    else ofBlock.push(item);
  }
  let page: Placed[] = [];
  for (const [, items] of [...perBlock].sort(([a], [b]) => a - b)) {
    if (page.length > 0 && page.length + items.length > MOST_LOGS) {
      yield page;
      page = [];
    }
    page = page.concat(items);
  }
  if (page.length > 0) yield page;
}

function isProven(item: Placed, logs: readonly TransferLog[]): boolean {
  const { attempt, block } = item;
  for (const log of logs) {
    if (log.blockHash !== block.hash) throw moved(item);
  }
  return isTokenPayment(item) && paidByTransfers(attempt, logs);
}

async function readReceipts(port: ChainPort, placed: readonly Placed[]): Promise<Found[]> {
  if (placed.length === 0) return [];
  const receipts = await port.receipts(placed.map(({ attempt }) => attempt.txHash));
  return placed.map((item, index) => {
    const { attempt, block } = item;
    const receipt = receipts[index];
    // A receipt by hash may already be of another block after a reorg: hold on to (number, hash).
    if (!receipt || receipt.blockHash !== block.hash || receipt.blockNumber !== block.number) {
      throw moved(item);
    }
    return foundAs(item, {
      succeeded: receipt.status === 'success',
      effectOk: attempt.kind === 'effect' && checkEffect(attempt, receipt) === 'paid',
      // Without a rollup's further fee it would not be what the transaction paid.
      ...(receipt.l1Fee === 0n && {
        gasUsed: receipt.gasUsed,
        effectiveGasPrice: receipt.effectiveGasPrice,
      }),
    });
  });
}

function foundAs(
  { attempt, block }: Placed,
  outcome: Pick<NewInclusion, 'succeeded' | 'effectOk'> &
    Partial<Pick<NewInclusion, 'gasUsed' | 'effectiveGasPrice'>>,
): Found {
  return {
    attempt,
    inclusion: {
      attemptId: attempt.attemptId,
      blockNumber: block.number,
      blockHash: block.hash,
      gasUsed: null,
      effectiveGasPrice: null,
      toLane: attempt.kind === 'effect' ? attempt.toLane : null,
      ...outcome,
    },
  };
}

function moved({ attempt, block }: Placed): Transient {
  return new Transient(
    `${attempt.txHash}: expected in block ${block.number} ${block.hash}, the node moved`,
  );
}
