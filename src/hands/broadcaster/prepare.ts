import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { effectDigest, effectGasCap, effectOf } from '../../base/effect/index.ts';
import { type Address, caip19, type ErrorCode, Transient, TX } from '../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../base/queue/index.ts';
import {
  freezeOn,
  readSigningFreeze,
  readStandingFreezes,
  tellFrozen,
} from '../../books/freeze/index.ts';
import { assignTransfer, type Transfer } from '../../books/ledger/index.ts';
import {
  advanceLanes,
  insertSlots,
  leavesLane,
  lockLanes,
  type NewSlot,
  readTxs,
  refuseUnslotted,
  setWaiting,
  type TxRow,
} from '../../books/tx/index.ts';
import { readObjections } from './before/objections.ts';
import { readDryVerdicts } from './before/verdicts.ts';
import type { BroadcasterContext } from './context.ts';
import { gasReservedOf, judgeEstimate, type WaitReason } from './decide-prepare.ts';
import { type Price, quote } from './gas/quote.ts';
import { simulateTransfers } from './gas/simulate.ts';
import { type Lane, observeChains, observeLanes } from './observe.ts';
import { choose, type Place, takeGas } from './place.ts';

type Ready = {
  tx: TxRow;
  lane: Lane;
  price: Price;
  gasLimit: bigint;
  gasReserved: bigint;
  assign: Transfer;
};
type Placed = Place & { tries: number; price: Price };
type Planned =
  | { kind: 'ready'; ready: Ready }
  | { kind: 'wait'; tx: TxRow; reason: WaitReason; detail?: string; soon?: true }
  | { kind: 'refused'; tx: TxRow; message: string; code?: ErrorCode };

/**
 * Gives slots. Everything that can refuse is asked before: lane, window, funds, price, simulation, the
 * signer; a transaction refused here never had a nonce. Then one act takes consecutive nonces under the lane's lock
 * and writes slots, the orders to sign and the ledger's assignment. A crash before the COMMIT leaves
 * nothing; after it, the signer finds its orders.
 */
export async function prepareStep(context: BroadcasterContext, claimed: Claim): Promise<Outcome[]> {
  const txs = await readTxs(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const open = claimed.jobs.flatMap((job) => {
    const tx = txs.get(job.subjectId);
    return tx?.status === 'CREATED' ? [{ tx, tries: job.attempts }] : [];
  });
  const planned = await plan(context, open);
  const ready = planned.flatMap((item) => (item.kind === 'ready' ? [item.ready] : []));
  const refused = planned.flatMap((item) => (item.kind === 'refused' ? [item] : []));
  const waits = planned.flatMap((item) => (item.kind === 'wait' ? [item] : []));
  const waiting = new Set(waits.map((item) => item.tx.txId));
  const finished = claimed.jobs.map((job) => job.subjectId).filter((id) => !waiting.has(id));
  await context.ledger.open(ready.map((item) => item.assign));
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed, finished);
    await giveSlots(
      context,
      sql,
      ready.filter((item) => ours.has(item.tx.txId)),
    );
    await refuseUnslotted(
      sql,
      refused.filter((item) => ours.has(item.tx.txId)),
    );
  });
  await setWaiting(
    context.db,
    waits.map(({ tx, reason, detail = null }) => ({ txId: tx.txId, reason, detail })),
  );
  return waits.map(({ tx, reason, soon }) => outcomeOf(tx.txId, reason, soon));
}

/** A revert counts its tries; everything else waits for as long as it takes. */
function outcomeOf(subjectId: string, reason: WaitReason, soon = false): Outcome {
  if (reason === 'simulation_reverted') return { kind: 'retry', subjectId, error: reason };
  const delayMs = soon || reason === 'lane_window' ? 300 : reason === 'frozen' ? 5_000 : 1_500;
  return { kind: 'wait', subjectId, reason, delayMs };
}

async function plan(
  context: BroadcasterContext,
  open: readonly { tx: TxRow; tries: number }[],
): Promise<Planned[]> {
  // What is not going to be signed gets no slot, which somebody would then wait behind.
  if ((await readSigningFreeze(context.db)) !== null) {
    return open.map(({ tx }) => ({ kind: 'wait', tx, reason: 'signing_frozen' }));
  }
  const standing = await readStandingFreezes(context.db);
  const objections = await readObjections(
    context,
    open.map((item) => item.tx),
  );
  const lanes = await observeLanes(
    context,
    open.map((item) => item.tx),
    standing,
  );
  const chains = await observeChains(context, new Set(open.map((item) => item.tx.chainId)));
  const planned: Planned[] = [];
  const placed: Placed[] = [];
  for (const { tx, tries } of open) {
    if (tx.expiresAt !== null && tx.expiresAt.getTime() <= context.clock.now()) {
      // Its expiry ends it; a slot would only have to be filled.
      planned.push({ kind: 'wait', tx, reason: 'expired' });
      continue;
    }
    const objection = objections.get(tx.txId);
    if (objection !== undefined) {
      planned.push({ ...objection, tx });
      continue;
    }
    const freeze = freezeOn(standing, { ...tx, laneId: tx.fromLane });
    if (freeze !== undefined) {
      planned.push({ kind: 'wait', tx, reason: 'frozen', detail: tellFrozen(freeze) });
      continue;
    }
    const chain = chains.get(tx.chainId);
    const price = chain?.kind === 'ok' ? quote(chain.fees) : null;
    if (chain === undefined || chain.kind !== 'ok') {
      planned.push({ kind: 'wait', tx, reason: chain?.kind ?? 'chain_unreachable' });
    } else if (price === null) {
      planned.push({ kind: 'wait', tx, reason: 'fee_cap' });
    } else {
      // The estimate is not known yet; the lane is chosen by a generous one and judged again below.
      const gasReserved = gasReservedOf(100_000n, price.maxFeePerGas);
      const choice = choose(tx, lanes, gasReserved);
      if (typeof choice === 'string') planned.push({ kind: 'wait', tx, reason: choice });
      else placed.push({ tx, tries, lane: choice, price, gasReserved });
    }
  }
  planned.push(...(await simulateAll(context, lanes, placed)));
  return withVerdicts(context, planned);
}

/** What takes more gas than its lane has is tried once more on one that has it; where there is none it alone waits. */
async function simulateAll(
  context: BroadcasterContext,
  lanes: Lane[],
  placed: readonly Placed[],
): Promise<Planned[]> {
  const { planned, short } = await simulate(context, placed);
  const again: Placed[] = [];
  for (const one of short) {
    const choice = choose(one.tx, lanes, one.gasReserved);
    if (typeof choice !== 'string') again.push({ ...one, lane: choice });
    else planned.push({ kind: 'wait', tx: one.tx, reason: choice });
  }
  const second = await simulate(context, again);
  const waits = second.short.map(({ tx }): Planned => ({ kind: 'wait', tx, reason: 'lane_gas' }));
  return [...planned, ...second.planned, ...waits];
}

/** Last, of what has its lane and its price: what the signer has against it before it stands in anybody's way. */
async function withVerdicts(
  context: BroadcasterContext,
  planned: readonly Planned[],
): Promise<Planned[]> {
  const ready = planned.flatMap((item) => (item.kind === 'ready' ? [item.ready] : []));
  const verdicts = await readDryVerdicts(context, ready);
  return planned.map((item) => {
    const tx = item.kind === 'ready' ? item.ready.tx : item.tx;
    const verdict = verdicts.get(tx.txId);
    return verdict === undefined ? item : { ...verdict, tx };
  });
}

/** `short`: their lanes have not the gas that they were found to take; nothing is taken from those for them. */
async function simulate(
  context: BroadcasterContext,
  placed: readonly Placed[],
): Promise<{ planned: Planned[]; short: Placed[] }> {
  const planned: Planned[] = [];
  const short: Placed[] = [];
  for (const [chainId, { port }] of context.chains) {
    const here = placed.filter((item) => item.tx.chainId === chainId);
    if (here.length === 0) continue;
    const estimates = await simulateTransfers(
      port,
      context.transferGas,
      here.map(({ tx, lane }) => ({ tx, from: lane.address })),
    );
    here.forEach((one, index) => {
      const { tx, tries, lane, price } = one;
      if (estimates === null) {
        planned.push({ kind: 'wait', tx, reason: 'chain_unreachable' });
        return;
      }
      const judged = judgeEstimate(estimates[index]!, tries, effectGasCap(tx));
      if (judged.kind !== 'ok') {
        planned.push({ tx, ...judged });
        return;
      }
      const ready = readyOf(tx, lane, price, judged.gasLimit);
      if (takeGas(one, ready.gasReserved)) planned.push({ kind: 'ready', ready });
      else short.push({ ...one, gasReserved: ready.gasReserved });
    });
  }
  return { planned, short };
}

function readyOf(tx: TxRow, lane: Lane, price: Price, gasLimit: bigint): Ready {
  const gasReserved = gasReservedOf(gasLimit, price.maxFeePerGas);
  const { tenantId, txId, asset, correlationId } = tx;
  const nativeAsset = caip19(tx.chainId, null);
  const laneId = lane.state.laneId;
  const assign = assignTransfer({
    tenantId,
    txId,
    laneId,
    asset,
    nativeAsset,
    amount: leavesLane(tx),
    gasReserved,
    correlationId,
  });
  return { tx, lane, price, gasLimit, gasReserved, assign };
}

/** Nonces in order, under the lane's lock; a lease that no longer holds undoes the whole act. */
async function giveSlots(
  context: BroadcasterContext,
  sql: Sql,
  ready: readonly Ready[],
): Promise<void> {
  if (ready.length === 0) return;
  const balanceOf = await context.ledger.lock(
    sql,
    ready.map((item) => item.assign),
  );
  const epochs = new Map(ready.map(({ lane }) => [lane.state.laneId, lane.epoch]));
  const locked = await lockLanes(sql, context.leases.owner, epochs);
  if (locked.size < epochs.size) throw new Transient('a lane lease was lost');
  for (const [key, total] of totals(ready)) {
    if (balanceOf(key) < total) throw new Transient('the funds of a lane changed during the step');
  }
  const moved = await advance(
    sql,
    TX,
    ready.map(({ tx }) => ({ id: tx.txId, from: 'CREATED', to: 'SLOTTED' })),
    { waiting: { type: 'text', values: ready.map(() => null) } },
  );
  const next = new Map([...locked].map(([laneId, lane]) => [laneId, lane.nextNonce]));
  const given = ready.filter(({ tx }) => moved.has(tx.txId));
  const slots = given.map((item): NewSlot => {
    const laneId = item.lane.state.laneId;
    const nonce = next.get(laneId)!;
    next.set(laneId, nonce + 1n);
    return slotOf(item, nonce);
  });
  await insertSlots(sql, slots);
  await advanceLanes(sql, next);
  await context.ledger.post(
    sql,
    given.map((item) => item.assign),
  );
}

function slotOf({ tx, lane, price, gasLimit, gasReserved }: Ready, nonce: bigint): NewSlot {
  const from: Address = lane.address;
  return {
    txId: tx.txId,
    laneId: lane.state.laneId,
    chainId: tx.chainId,
    from,
    nonce,
    effectDigest: effectDigest(tx.chainId, from, effectOf(tx)),
    gasReserved,
    gasLimit,
    ...price,
    laneEpoch: lane.epoch,
  };
}

function totals(ready: readonly Ready[]): Map<Transfer['postings'][number]['credit'], bigint> {
  const byName = new Map<string, [Transfer['postings'][number]['credit'], bigint]>();
  for (const { credit, amount } of ready.flatMap((item) => item.assign.postings)) {
    const name = `${credit.kind}|${credit.owner}|${credit.asset}`;
    byName.set(name, [credit, (byName.get(name)?.[1] ?? 0n) + amount]);
  }
  return new Map(byName.values());
}
