import type { Sql } from '../../../base/db/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';
import {
  type EarningMove,
  earningAccounts,
  earningTransfers,
  type Ledger,
} from '../../../books/ledger/index.ts';
import { endExpectations, expectArrivals } from '../../../books/tx/index.ts';
import type { PaymentRow } from './rows.ts';

type Custodial = PaymentRow & { custody: NonNullable<PaymentRow['custody']> };

/** Its payee is a wallet of the tenant's: what it pays is owed to its merchant. */
export function isCustodial(row: PaymentRow): row is Custodial {
  return row.custody !== null;
}

export function earningMove(kind: EarningMove['kind'], row: Custodial): EarningMove {
  const { id: paymentId, tenantId, asset, amount, correlationId, custody } = row;
  return { kind, paymentId, tenantId, asset, amount, correlationId, account: custody.account };
}

/** Writes what was just reserved to merchants' books, in the caller's transaction; their rows are locked. */
export async function expectEarnings(
  sql: Sql,
  ledger: Ledger,
  reserved: readonly PaymentRow[],
): Promise<void> {
  const rows = reserved.filter(isCustodial);
  if (rows.length === 0) return;
  const moves = rows.map((row) => earningMove('EXPECT', row));
  const balanceOf = await ledger.lock(sql, moves.map(earningAccounts));
  await ledger.post(sql, earningTransfers(moves, balanceOf));
  await expectArrivals(
    sql,
    rows.map(({ id, custody, asset, payer, amount }) => ({
      ownerId: id,
      laneId: custody.laneId,
      asset,
      sender: payer,
      amount,
    })),
  );
}

/** Tells the lanes what came of payments to them: final by which transaction, or never. */
export async function endArrivals(sql: Sql, rows: readonly PaymentRow[]): Promise<void> {
  const ended = rows.filter(isCustodial).flatMap((row) => {
    const txHash = landedBy(row);
    return txHash === undefined ? [] : [{ ownerId: row.id, tenantId: row.tenantId, txHash }];
  });
  await endExpectations(sql, ended);
}

/** The final transaction that paid it; null: none will; undefined: it is not final. */
function landedBy({ status, paid, head }: Custodial): Hex | null | undefined {
  if (status === 'CHAIN_FAILED' || status === 'EXPIRED') return null;
  const final = paid !== null && head !== null && paid.blockNumber <= head.finalized;
  return final ? paid.txHash : undefined;
}
