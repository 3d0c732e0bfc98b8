/** A credit to a customer's account, as JSON. */
export type DepositView = {
  id: string;
  account: string;
  asset: string;
  amount: string;
  amountAtomic: string;
  /** The deposit system's own name for it, once for ever per tenant. */
  reference: string;
  idempotencyKey: string;
  correlationId: string;
  createdAt: string;
};

/** posted = available + reserved; pending becomes available. */
export type BalanceView = {
  asset: string;
  posted: string;
  reserved: string;
  available: string;
  pending: string;
  postedAtomic: string;
  reservedAtomic: string;
  availableAtomic: string;
  pendingAtomic: string;
};

/** One line of an account's statement: what a transfer added (negative: took). */
export type TransferView = {
  id: string;
  kind: string;
  asset: string;
  available: string;
  availableAtomic: string;
  reserved: string;
  reservedAtomic: string;
  /** The withdrawal or deposit it belongs to. */
  subjectId: string | null;
  correlationId: string | null;
  at: string;
};
