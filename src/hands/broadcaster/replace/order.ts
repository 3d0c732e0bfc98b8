import type { Sql } from '../../../base/db/index.ts';
import { caip19, Transient } from '../../../base/kernel/index.ts';
import { reserveGasTransfer, type Transfer } from '../../../books/ledger/index.ts';
import { orderReplacements, type Replacement, type SlotBids } from '../../../books/tx/index.ts';
import type { BroadcasterContext } from '../context.ts';
import type { BidAction } from './decide-replace.ts';

/** The order that a decision comes to. */
export function replacementOf(slot: SlotBids, action: BidAction & { kind: 'order' }): Replacement {
  const { of, gasLimit, gasReserved, price } = action;
  const wishId = of === 'effect' ? slot.wishId : null;
  const fillReason = of === 'effect' ? null : (slot.fillReason ?? slot.failureCode ?? 'filled');
  return { slot, kind: of, gasLimit, gasReserved, ...price, fillReason, wishId };
}

/** What a slot sets aside beyond what it has; nothing for most fillers. */
export function risesOf(replacements: readonly Replacement[]): Map<string, Transfer> {
  return new Map(
    replacements.flatMap(({ slot, gasReserved }) => {
      const { tenantId, txId, laneId, chainId, correlationId } = slot;
      const amount = gasReserved - slot.gasReserved;
      const nativeAsset = caip19(chainId, null);
      const of = { tenantId, txId, laneId, nativeAsset, amount, correlationId };
      return amount > 0n ? [[txId, reserveGasTransfer(of)]] : [];
    }),
  );
}

/**
 * Orders attempts and sets aside what they can cost beyond the slots' reserves, in the caller's transaction;
 * `rises` were opened before it. Throws Transient, and nothing happened, when the lane's funds went elsewhere
 * meanwhile. Returns the tx ids ordered for.
 */
export async function act(
  context: BroadcasterContext,
  sql: Sql,
  replacements: readonly Replacement[],
  rises: ReadonlyMap<string, Transfer>,
): Promise<Set<string>> {
  const balanceOf = await context.ledger.lock(sql, [...rises.values()]);
  const ordered = await orderReplacements(sql, context.leases.owner, replacements);
  const posting = [...rises].filter(([txId]) => ordered.has(txId)).map(([, rise]) => rise);
  const taken = new Map<string, bigint>();
  for (const { credit, amount } of posting.flatMap((transfer) => transfer.postings)) {
    const name = `${credit.owner}|${credit.asset}`;
    taken.set(name, (taken.get(name) ?? 0n) + amount);
    if (taken.get(name)! > balanceOf(credit)) {
      throw new Transient('the funds of a lane changed during the step');
    }
  }
  await context.ledger.post(sql, posting);
  return ordered;
}
