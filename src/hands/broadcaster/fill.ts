import { inTransaction } from '../../base/db/index.ts';
import { FILLER_GAS_LIMIT, fillerFeeCap } from '../../base/effect/index.ts';
import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import { orderFillers, readTxs } from '../../books/tx/index.ts';
import type { BroadcasterContext } from './context.ts';
import { quote } from './gas/quote.ts';
import { observeChains } from './observe.ts';

/**
 * Closes slots that can not be used by ordering their filler: a nonce is never skipped, and nobody waits
 * behind it. The price fits in what the slot has reserved for gas. A crash leaves the job; a filler
 * is ordered once per slot.
 */
export async function fillStep(context: BroadcasterContext, claimed: Claim): Promise<Outcome[]> {
  const txs = await readTxs(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const slotted = [...txs.values()].filter((tx) => tx.slot !== null);
  const chains = await observeChains(context, new Set(slotted.map((tx) => tx.chainId)));
  const held = context.leases.held();
  const outcomes: Outcome[] = [];
  const orders = slotted.flatMap((tx) => {
    const chain = chains.get(tx.chainId);
    const epoch = held.get(tx.slot!.laneId);
    if (chain?.kind !== 'ok' || epoch === undefined) {
      const reason = chain?.kind === 'ok' ? 'lane_lease' : (chain?.kind ?? 'chain_unreachable');
      outcomes.push({ kind: 'wait', subjectId: tx.txId, delayMs: 1_000, reason });
      return [];
    }
    const affordable = tx.slot!.gasReserved / FILLER_GAS_LIMIT;
    const allowed = fillerFeeCap(chain.fees.rules.maxFeePerGas);
    const cap = affordable < allowed ? affordable : allowed;
    const price = quote(chain.fees, { urgency: 'high', cap });
    if (price === null) {
      outcomes.push({ kind: 'wait', subjectId: tx.txId, delayMs: 5_000, reason: 'fee_cap' });
      return [];
    }
    const reason = tx.slot!.fillReason ?? tx.failureCode ?? 'filled';
    return [{ txId: tx.txId, gasLimit: FILLER_GAS_LIMIT, ...price, laneEpoch: epoch, reason }];
  });
  const waiting = new Set(outcomes.map((outcome) => outcome.subjectId));
  const finished = claimed.jobs.map((job) => job.subjectId).filter((id) => !waiting.has(id));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    await orderFillers(
      sql,
      orders.filter((order) => ours.has(order.txId)),
    );
  });
  return outcomes;
}
