import { type AccountKey, fundTransfer, type Transfer } from '../../books/ledger/index.ts';

/** Funds that stand on a lane and not in its books yet. */
type Funding = { tenantId: string; laneId: number; asset: string; amount: bigint };

/** Names every account that booking it may touch, whatever custody has. */
export function fundingAccounts(funding: Omit<Funding, 'amount'>): Transfer {
  return fundTransfer({ ...funding, amount: 2n, custody: 1n });
}

/** Books fundings one after the other against custody, which is locked: what one takes the next has not. */
export function fundingTransfers(
  fundings: readonly Funding[],
  balanceOf: (key: AccountKey) => bigint,
): Transfer[] {
  const left = new Map<string, bigint>();
  return fundings.map((funding) => {
    const { tenantId, asset, amount } = funding;
    const name = `${tenantId}|${asset}`;
    const custody = left.get(name) ?? balanceOf({ tenantId, kind: 'custody', owner: '', asset });
    left.set(name, custody > amount ? custody - amount : 0n);
    return fundTransfer({ ...funding, custody });
  });
}
