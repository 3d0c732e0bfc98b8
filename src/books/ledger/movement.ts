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
  | 'suspense'
  | 'expected'
  | 'pending';

/** owner: the customer's account for available, reserved, receivable, pending; the lane's id for hot and gas_in_transit; else ''. */
export type AccountKey = { tenantId: string; kind: AccountKind; owner: string; asset: string };

export type TransferKind =
  | 'DEPOSIT'
  | 'FUND'
  | 'RESERVE'
  | 'ASSIGN'
  | 'COMMIT'
  | 'RELEASE'
  | 'UNASSIGN'
  | 'REVERSE'
  | 'GAS'
  | 'ADJUST'
  | 'EXPECT'
  | 'EARN'
  | 'UNEARN'
  | 'LAPSE';

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

export const key = (
  tenantId: string,
  kind: AccountKind,
  owner: string,
  asset: string,
): AccountKey => ({
  tenantId,
  kind,
  owner,
  asset,
});

/** Zero amounts (a fee of nothing) are no postings. */
export function some(postings: Posting[]): Posting[] {
  return postings.filter((posting) => posting.amount > 0n);
}
