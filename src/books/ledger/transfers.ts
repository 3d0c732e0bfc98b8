import { key, some, type Transfer, type TransferKind } from './movement.ts';

type Order = {
  tenantId: string;
  withdrawalId: string;
  generation: number;
  correlationId: string;
  account: string;
  asset: string;
  amount: bigint;
  fee: bigint;
};

function ofOrder(order: Order, kind: TransferKind, postings: Transfer['postings']): Transfer {
  const { tenantId, account, withdrawalId, generation, correlationId } = order;
  return {
    tenantId,
    kind,
    account,
    subjectId: withdrawalId,
    generation,
    correlationId,
    postings: some(postings),
  };
}

export function depositTransfer(deposit: {
  tenantId: string;
  depositId: string | null;
  account: string;
  asset: string;
  amount: bigint;
  correlationId: string;
}): Transfer {
  const { tenantId, account, asset, amount } = deposit;
  return {
    tenantId,
    kind: 'DEPOSIT',
    account,
    subjectId: deposit.depositId,
    generation: 0,
    correlationId: deposit.correlationId,
    postings: [
      {
        debit: key(tenantId, 'custody', '', asset),
        credit: key(tenantId, 'available', account, asset),
        amount,
      },
    ],
  };
}

/** Amount and fee are set aside together; both are given back together. */
export function reserveTransfer(order: Order): Transfer {
  const { tenantId, account, asset } = order;
  return ofOrder(order, 'RESERVE', [
    {
      debit: key(tenantId, 'available', account, asset),
      credit: key(tenantId, 'reserved', account, asset),
      amount: order.amount + order.fee,
    },
  ]);
}

export function releaseTransfer(order: Order): Transfer {
  const { tenantId, account, asset } = order;
  return ofOrder(order, 'RELEASE', [
    {
      debit: key(tenantId, 'reserved', account, asset),
      credit: key(tenantId, 'available', account, asset),
      amount: order.amount + order.fee,
    },
  ]);
}

/** The recipient has the amount, the fee is ours. */
export function commitTransfer(order: Order): Transfer {
  const { tenantId, account, asset } = order;
  const reserved = key(tenantId, 'reserved', account, asset);
  return ofOrder(order, 'COMMIT', [
    { debit: reserved, credit: key(tenantId, 'in_transit', '', asset), amount: order.amount },
    { debit: reserved, credit: key(tenantId, 'revenue', '', asset), amount: order.fee },
  ]);
}

/** A commit taken back: the next generation's reserve, of what the chain gave back and never of the customer's own. */
export function reverseTransfer(order: Order): Transfer {
  const { tenantId, account, asset } = order;
  const reserved = key(tenantId, 'reserved', account, asset);
  return ofOrder(order, 'REVERSE', [
    { debit: key(tenantId, 'in_transit', '', asset), credit: reserved, amount: order.amount },
    { debit: key(tenantId, 'revenue', '', asset), credit: reserved, amount: order.fee },
  ]);
}

type Slot = {
  tenantId: string;
  txId: string;
  laneId: number;
  asset: string;
  nativeAsset: string;
  amount: bigint;
  gasReserved: bigint;
  correlationId: string;
};

function ofSlot(
  slot: Pick<Slot, 'tenantId' | 'txId' | 'correlationId'>,
  kind: TransferKind,
  postings: Transfer['postings'],
): Transfer {
  const { tenantId, txId, correlationId } = slot;
  return {
    tenantId,
    kind,
    account: null,
    subjectId: txId,
    generation: 0,
    correlationId,
    postings: some(postings),
  };
}

/** A slot takes the amount, and the most that its gas can cost, out of the lane's free funds. */
export function assignTransfer(slot: Slot): Transfer {
  const lane = String(slot.laneId);
  const { tenantId, asset, nativeAsset } = slot;
  return ofSlot(slot, 'ASSIGN', [
    {
      debit: key(tenantId, 'in_transit', '', asset),
      credit: key(tenantId, 'hot', lane, asset),
      amount: slot.amount,
    },
    {
      debit: key(tenantId, 'gas_in_transit', lane, nativeAsset),
      credit: key(tenantId, 'hot', lane, nativeAsset),
      amount: slot.gasReserved,
    },
  ]);
}

/** A dearer attempt of a slot: what it can cost beyond what the slot has set aside. */
export function reserveGasTransfer(slot: Omit<Slot, 'asset' | 'gasReserved'>): Transfer {
  const lane = String(slot.laneId);
  const { tenantId, nativeAsset, amount } = slot;
  return ofSlot(slot, 'ASSIGN', [
    {
      debit: key(tenantId, 'gas_in_transit', lane, nativeAsset),
      credit: key(tenantId, 'hot', lane, nativeAsset),
      amount,
    },
  ]);
}

type Moved = Omit<Slot, 'gasReserved' | 'nativeAsset'>;

/** The amount will not leave any more: back to the lane's free funds. The gas stays until it is booked. */
export const unassignTransfer = (slot: Moved): Transfer => outOfTransit(slot, 'UNASSIGN');

/** What another wallet of the tenant sent has arrived: it is among the free funds of this lane. */
export const arriveTransfer = (slot: Moved): Transfer => outOfTransit(slot, 'FUND');

function outOfTransit(slot: Moved, kind: 'UNASSIGN' | 'FUND'): Transfer {
  const { tenantId, asset, amount } = slot;
  const hot = key(tenantId, 'hot', String(slot.laneId), asset);
  return ofSlot(slot, kind, [
    { debit: hot, credit: key(tenantId, 'in_transit', '', asset), amount },
  ]);
}

/**
 * Gas of finalized slots of one lane: what it cost, and the rest back to the lane. A rollup that takes more than
 * gas may have cost more than was set aside; that left the lane's free funds.
 */
export function gasTransfer(gas: {
  tenantId: string;
  laneId: number;
  nativeAsset: string;
  reserved: bigint;
  cost: bigint;
}): Transfer {
  const lane = String(gas.laneId);
  const { tenantId, nativeAsset, reserved, cost } = gas;
  const inTransit = key(tenantId, 'gas_in_transit', lane, nativeAsset);
  const expense = key(tenantId, 'network_fee_expense', '', nativeAsset);
  const hot = key(tenantId, 'hot', lane, nativeAsset);
  return ofLane(tenantId, 'GAS', [
    { debit: expense, credit: inTransit, amount: cost < reserved ? cost : reserved },
    { debit: hot, credit: inTransit, amount: reserved - cost },
    { debit: expense, credit: hot, amount: cost - reserved },
  ]);
}

/** Funds found on a lane: out of custody while it has that much, else the tenant's own capital. */
export function fundTransfer(fund: {
  tenantId: string;
  laneId: number;
  asset: string;
  amount: bigint;
  custody: bigint;
}): Transfer {
  const { tenantId, asset, amount } = fund;
  const fromCustody = fund.custody < amount ? fund.custody : amount;
  const hot = key(tenantId, 'hot', String(fund.laneId), asset);
  return ofLane(tenantId, 'FUND', [
    { debit: hot, credit: key(tenantId, 'custody', '', asset), amount: fromCustody },
    { debit: hot, credit: key(tenantId, 'capital', '', asset), amount: amount - fromCustody },
  ]);
}

/**
 * What left a lane or came to it, and no transaction of ours says why: for a person to explain; with a `subjectId`
 * two persons did.
 */
export function adjustTransfer(adjustment: {
  tenantId: string;
  laneId: number;
  asset: string;
  amount: bigint;
  movement: 'left' | 'arrived';
  subjectId?: string;
  correlationId?: string;
}): Transfer {
  const { tenantId, asset, amount, movement } = adjustment;
  const { subjectId = null, correlationId = null } = adjustment;
  const hot = key(tenantId, 'hot', String(adjustment.laneId), asset);
  const suspense = key(tenantId, 'suspense', '', asset);
  const [debit, credit] = movement === 'left' ? [suspense, hot] : [hot, suspense];
  return { ...ofLane(tenantId, 'ADJUST', [{ debit, credit, amount }]), subjectId, correlationId };
}

function ofLane(tenantId: string, kind: TransferKind, postings: Transfer['postings']): Transfer {
  return {
    tenantId,
    kind,
    account: null,
    subjectId: null,
    generation: 0,
    correlationId: null,
    postings: some(postings),
  };
}
