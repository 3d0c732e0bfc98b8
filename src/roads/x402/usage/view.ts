import type { Assets } from '../../../base/config/index.ts';
import { formatAmount } from '../../../base/kernel/index.ts';
import type { UsageRow } from './rows.ts';

type Sum = { count: number; amount: string; amountAtomic: string };

/** What one endpoint of a merchant was used for, in one asset. */
export type UsageView = {
  id: string;
  /** Of the gateway, with its method and path; null: what the merchant handed in itself, by `resource`. */
  endpoint: string | null;
  method: string | null;
  path: string | null;
  resource: string | null;
  asset: string;
  /** Paid to a wallet of ours: in the merchant's books. */
  custodial: boolean;
  calls: number;
  served: number;
  billable: Sum;
  settled: Sum;
  refunded: Sum;
};

export function usageView(row: UsageRow, assets: Assets): UsageView {
  const { id, endpoint, method, path, resource, custodial, calls, served } = row;
  const asset = assets.find(row.asset);
  const sum = (count: number, amount: bigint): Sum => ({
    count,
    amount: formatAmount(amount, asset?.decimals ?? 0),
    amountAtomic: amount.toString(),
  });
  return {
    ...{ id, endpoint, method, path, resource, asset: asset?.id ?? row.asset },
    ...{ custodial, calls, served },
    billable: sum(row.billable, row.billableAmount),
    settled: sum(row.settled, row.settledAmount),
    refunded: sum(row.refunded, row.refundedAmount),
  };
}
