/**
 * The ledger's movements as data; each posting moves `amount` from its credit account to its debit
 * account, so a transfer balances by construction. Which side an account stands on is the database's.
 */
type AccountKind =
  | 'available'
  | 'reserved'
  | 'receivable'
  | 'custody'
  | 'capital'
  | 'hot'
  | 'in_transit'
  | 'gas_in_transit'
  | 'revenue'
  | 'network_fee_expense'
  | 'suspense';

/** owner: the customer's account for available, reserved, receivable; the lane's id for hot and gas_in_transit; else ''. */
export type AccountKey = { tenantId: string; kind: AccountKind; owner: string; asset: string };

type TransferKind =
  | 'DEPOSIT'
  | 'FUND'
  | 'RESERVE'
  | 'ASSIGN'
  | 'COMMIT'
  | 'RELEASE'
  | 'UNASSIGN'
  | 'GAS'
  | 'ADJUST';

type Posting = { debit: AccountKey; credit: AccountKey; amount: bigint };

export type Transfer = {
  tenantId: string;
  kind: TransferKind;
  /** The customer's account whose statement shows it; null when it touches none. */
  account: string | null;
  /** The withdrawal, tx or deposit it belongs to. */
  subjectId: string | null;
  generation: number;
  correlationId: string | null;
  postings: Posting[];
};

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

const key = (tenantId: string, kind: AccountKind, owner: string, asset: string): AccountKey => ({
  tenantId,
  kind,
  owner,
  asset,
});

/** Zero amounts (a fee of nothing) are no postings. */
function some(postings: Posting[]): Posting[] {
  return postings.filter((posting) => posting.amount > 0n);
}

function ofOrder(order: Order, kind: TransferKind, postings: Posting[]): Transfer {
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

function ofSlot(slot: Slot, kind: TransferKind, postings: Posting[]): Transfer {
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

/** The amount will not leave any more: back to the lane's free funds. The gas stays until it is booked. */
export function unassignTransfer(slot: Omit<Slot, 'gasReserved' | 'nativeAsset'>): Transfer {
  const { tenantId, asset } = slot;
  return ofSlot({ ...slot, gasReserved: 0n, nativeAsset: '' }, 'UNASSIGN', [
    {
      debit: key(tenantId, 'hot', String(slot.laneId), asset),
      credit: key(tenantId, 'in_transit', '', asset),
      amount: slot.amount,
    },
  ]);
}

/** What another wallet of the tenant sent has arrived: from under way to the free funds of this lane. */
export function arriveTransfer(slot: Omit<Slot, 'gasReserved' | 'nativeAsset'>): Transfer {
  const { tenantId, asset } = slot;
  return ofSlot({ ...slot, gasReserved: 0n, nativeAsset: '' }, 'FUND', [
    {
      debit: key(tenantId, 'hot', String(slot.laneId), asset),
      credit: key(tenantId, 'in_transit', '', asset),
      amount: slot.amount,
    },
  ]);
}

/** Gas of finalized slots of one lane: what it cost, and the rest back to the lane. */
export function gasTransfer(gas: {
  tenantId: string;
  laneId: number;
  nativeAsset: string;
  reserved: bigint;
  cost: bigint;
}): Transfer {
  const lane = String(gas.laneId);
  const { tenantId, nativeAsset } = gas;
  const inTransit = key(tenantId, 'gas_in_transit', lane, nativeAsset);
  return {
    tenantId,
    kind: 'GAS',
    account: null,
    subjectId: null,
    generation: 0,
    correlationId: null,
    postings: some([
      {
        debit: key(tenantId, 'network_fee_expense', '', nativeAsset),
        credit: inTransit,
        amount: gas.cost,
      },
      {
        debit: key(tenantId, 'hot', lane, nativeAsset),
        credit: inTransit,
        amount: gas.reserved - gas.cost,
      },
    ]),
  };
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
  return {
    tenantId,
    kind: 'FUND',
    account: null,
    subjectId: null,
    generation: 0,
    correlationId: null,
    postings: some([
      { debit: hot, credit: key(tenantId, 'custody', '', asset), amount: fromCustody },
      { debit: hot, credit: key(tenantId, 'capital', '', asset), amount: amount - fromCustody },
    ]),
  };
}

/** What left a lane and nobody can explain: a person looks for it in suspense. */
export function suspendTransfer(missing: {
  tenantId: string;
  laneId: number;
  asset: string;
  amount: bigint;
  correlationId: string;
}): Transfer {
  const { tenantId, asset, amount } = missing;
  return {
    tenantId,
    kind: 'ADJUST',
    account: null,
    subjectId: null,
    generation: 0,
    correlationId: missing.correlationId,
    postings: some([
      {
        debit: key(tenantId, 'suspense', '', asset),
        credit: key(tenantId, 'hot', String(missing.laneId), asset),
        amount,
      },
    ]),
  };
}
