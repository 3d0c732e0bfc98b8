import { type AccountKey, key, some, type Transfer } from './movement.ts';

/** Somebody's payment to one of the tenant's own wallets, which the tenant owes to a merchant's account. */
type Earning = {
  tenantId: string;
  paymentId: string;
  account: string;
  asset: string;
  amount: bigint;
  correlationId: string;
};

type Kind = 'EXPECT' | 'EARN' | 'UNEARN' | 'LAPSE';

/**
 * EXPECT: signed over, and not here yet. EARN: it is the merchant's, what the merchant owes first. UNEARN: the chain took
 * it back; what the merchant has spent by then is owed. LAPSE: it will not come.
 */
export type EarningMove = Earning & { kind: Kind };

/** Names every account that booking it may touch, whatever the merchant has. */
export function earningAccounts(move: EarningMove): Transfer {
  const { pending, expected, available, receivable } = accountsOf(move);
  const amount = 1n;
  return transferOf(move, [
    { debit: expected, credit: pending, amount },
    { debit: receivable, credit: available, amount },
  ]);
}

/** Books moves one after the other against balances that are locked: what one takes the next has not. */
export function earningTransfers(
  moves: readonly EarningMove[],
  balanceOf: (key: AccountKey) => bigint,
): Transfer[] {
  const left = new Map<string, bigint>();
  const read = (of: AccountKey) => left.get(JSON.stringify(of)) ?? balanceOf(of);
  const add = (of: AccountKey, by: bigint) => left.set(JSON.stringify(of), read(of) + by);
  return moves.map((move) => {
    const { pending, expected, available, receivable } = accountsOf(move);
    const { amount } = move;
    if (move.kind === 'EXPECT') {
      return transferOf(move, [{ debit: expected, credit: pending, amount }]);
    }
    if (move.kind === 'LAPSE') {
      return transferOf(move, [{ debit: pending, credit: expected, amount }]);
    }
    if (move.kind === 'EARN') {
      const owed = least(read(receivable), amount);
      add(receivable, -owed);
      add(available, amount - owed);
      return transferOf(move, [
        { debit: pending, credit: receivable, amount: owed },
        { debit: pending, credit: available, amount: amount - owed },
      ]);
    }
    const had = least(read(available), amount);
    add(available, -had);
    add(receivable, amount - had);
    return transferOf(move, [
      { debit: available, credit: pending, amount: had },
      { debit: receivable, credit: pending, amount: amount - had },
    ]);
  });
}

function accountsOf({ tenantId, account, asset }: Earning) {
  return {
    expected: key(tenantId, 'expected', '', asset),
    pending: key(tenantId, 'pending', account, asset),
    available: key(tenantId, 'available', account, asset),
    receivable: key(tenantId, 'receivable', account, asset),
  };
}

function transferOf(move: EarningMove, postings: Transfer['postings']): Transfer {
  const { tenantId, kind, account, paymentId: subjectId, correlationId } = move;
  return {
    tenantId,
    kind,
    account,
    subjectId,
    generation: 0,
    correlationId,
    postings: some(postings),
  };
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

/** Payments that arrived on a lane, of one asset: what was expected is here. */
export function expectedTransfer(arrived: {
  tenantId: string;
  laneId: number;
  asset: string;
  amount: bigint;
}): Transfer {
  const { tenantId, laneId, asset, amount } = arrived;
  return {
    tenantId,
    kind: 'FUND',
    account: null,
    subjectId: null,
    generation: 0,
    correlationId: null,
    postings: [
      {
        debit: key(tenantId, 'hot', String(laneId), asset),
        credit: key(tenantId, 'expected', '', asset),
        amount,
      },
    ],
  };
}
