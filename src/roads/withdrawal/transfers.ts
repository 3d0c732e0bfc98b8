import { releaseTransfer, type Transfer, unassignTransfer } from '../../books/ledger/index.ts';
import type { TxRow } from '../../books/tx/index.ts';
import { ledgerOrderOf, type StepRow } from './rows.ts';

/** The end without payment: the reserve to its customer, and what a slot was given to its lane. */
export function givenBack(row: StepRow, tx: TxRow | undefined): Transfer[] {
  const release = releaseTransfer(ledgerOrderOf(row));
  if (tx?.slot == null) return [release];
  const { tenantId, txId, asset, amount, correlationId } = tx;
  return [
    release,
    unassignTransfer({ tenantId, txId, asset, amount, correlationId, laneId: tx.slot.laneId }),
  ];
}
