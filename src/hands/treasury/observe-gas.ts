import type { ChainPort } from '../../base/chain/index.ts';
import { Transient } from '../../base/kernel/index.ts';
import {
  type OpenStretch,
  readOpenStretches,
  readStretchTransactions,
} from '../../books/tx/index.ts';
import type { TreasuryContext } from './context.ts';
import { type Booking, cutAt, judgeByBalance, judgeByReceipts, type Look } from './decide-gas.ts';

/** Receipts of one round of a lane, unless a single block has more of it. */
const RECEIPTS = 1_000;

type Observed =
  | { kind: 'due'; stretch: OpenStretch; booking: Booking }
  | { kind: 'wait'; laneId: number; reason: string };

/**
 * What open stretches are to be booked with. In the ordinary case two questions a lane: what it holds and how
 * many nonces it has consumed after the stretch's last block. Receipts are asked for only where
 * that does not say it: somebody sent coin to the lane, or the node has no state of that block any more.
 */
export async function observeStretches(
  context: TreasuryContext,
  stretches: readonly OpenStretch[],
): Promise<Observed[]> {
  const observed: Observed[] = [];
  for (const [chainId, open] of byChain(stretches)) {
    const port = context.chains.get(chainId)?.port;
    const looks = port === undefined ? [] : await lookAt(port, open);
    for (const [index, stretch] of open.entries()) {
      observed.push(
        port === undefined
          ? { kind: 'wait', laneId: stretch.laneId, reason: 'chain_unreachable' }
          : await observeOne(context, port, stretch, looks[index]!),
      );
    }
  }
  return observed;
}

function byChain(stretches: readonly OpenStretch[]): Map<number, OpenStretch[]> {
  const chains = new Map<number, OpenStretch[]>();
  for (const stretch of stretches) {
    chains.set(stretch.chainId, [...(chains.get(stretch.chainId) ?? []), stretch]);
  }
  return chains;
}

/** The stretches of one chain end at one block, its finalized one. Null: the node did not say. */
async function lookAt(
  port: ChainPort,
  stretches: readonly OpenStretch[],
): Promise<(Look | null)[]> {
  const addresses = stretches.map((stretch) => stretch.address);
  const { upToBlock } = stretches[0]!;
  try {
    const [balances, counts] = await Promise.all([
      port.balances(addresses, upToBlock),
      port.transactionCounts(addresses, upToBlock),
    ]);
    return addresses.map((_, index) => ({ balance: balances[index]!, nonces: counts[index]! }));
  } catch (error) {
    if (!(error instanceof Transient)) throw error;
    return addresses.map(() => null);
  }
}

async function observeOne(
  context: TreasuryContext,
  port: ChainPort,
  stretch: OpenStretch,
  look: Look | null,
): Promise<Observed> {
  const verdict = judgeByBalance(stretch, look);
  const { laneId } = stretch;
  switch (verdict.kind) {
    case 'book':
      return { kind: 'due', stretch, booking: verdict };
    case 'wait':
      return { kind: 'wait', laneId, reason: `the node has no block ${stretch.upToBlock} of ours` };
    case 'receipts':
      try {
        return await addUp(context, port, stretch, look);
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        return { kind: 'wait', laneId, reason: error.message };
      }
  }
}

/** A stretch of too many transactions is cut at a block's end; what arrived by then the next one finds. */
async function addUp(
  context: TreasuryContext,
  port: ChainPort,
  whole: OpenStretch,
  look: Look | null,
): Promise<Observed> {
  const { db } = context;
  const transactions = await readStretchTransactions(db, whole, RECEIPTS + 1);
  const heights = transactions.map(({ blockNumber }) => blockNumber);
  const end = cutAt(heights, RECEIPTS);
  if (end === null) {
    const paid = await paidFor(port, transactions);
    return { kind: 'due', stretch: whole, booking: judgeByReceipts(whole, look, paid) };
  }
  const [part] = await readOpenStretches(db, [whole.laneId], end);
  if (part === undefined) throw new Transient(`lane ${whole.laneId}: booked meanwhile`);
  const paid = await paidFor(port, await readStretchTransactions(db, part, null));
  return { kind: 'due', stretch: part, booking: judgeByReceipts(part, null, paid) };
}

/** What transactions paid for gas, a rollup's further fee included. */
async function paidFor(
  port: ChainPort,
  transactions: Awaited<ReturnType<typeof readStretchTransactions>>,
): Promise<bigint> {
  const receipts = await port.receipts(transactions.map(({ txHash }) => txHash));
  return transactions.reduce((sum, { txHash, blockHash }, index) => {
    const receipt = receipts[index];
    if (!receipt || receipt.blockHash !== blockHash) {
      throw new Transient(`receipt of ${txHash}: expected in block ${blockHash}, the node moved`);
    }
    return sum + receipt.gasUsed * receipt.effectiveGasPrice + receipt.l1Fee;
  }, 0n);
}
