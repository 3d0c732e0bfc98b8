import type { Sql } from '../../base/db/index.ts';
import { caip19, Transient } from '../../base/kernel/index.ts';
import {
  type AccountKey,
  adjustTransfer,
  gasTransfer,
  type Ledger,
  type Transfer,
} from '../../books/ledger/index.ts';
import {
  type BookedStretch,
  insertStretches,
  type OpenArrival,
  type OpenStretch,
  setArrivalsBooked,
} from '../../books/tx/index.ts';
import type { Booking } from './decide-gas.ts';
import { fundingAccounts, fundingTransfers } from './fund.ts';

type Due = { stretch: OpenStretch; booking: Booking };

/** Arrivals of one asset on one lane; never empty. */
export type Arrived = OpenArrival[];

/** Grouped by lane and asset: dust that somebody sends a thousand times is one transfer. */
export function groupArrivals(arrivals: readonly OpenArrival[]): Arrived[] {
  const groups = new Map<string, Arrived>();
  for (const arrival of arrivals) {
    const name = `${arrival.laneId} ${arrival.asset}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [arrival]);
    else group.push(arrival);
  }
  return [...groups.values()];
}

const nativeOf = ({ tenantId, laneId, chainId }: OpenStretch) => ({
  tenantId,
  laneId,
  asset: caip19(chainId, null),
});

const gasOf = ({ stretch, booking }: Due) =>
  gasTransfer({
    tenantId: stretch.tenantId,
    laneId: stretch.laneId,
    nativeAsset: caip19(stretch.chainId, null),
    reserved: stretch.gasReserved,
    cost: booking.gasCost,
  });

/** Names every account that booking them may touch. */
export function accountsOf(due: readonly Due[], arrived: readonly Arrived[]): Transfer[] {
  return [
    ...due.flatMap((item) => {
      const native = nativeOf(item.stretch);
      const { arrived: amount } = item.booking;
      return [
        gasOf(item),
        ...(amount > 0n ? [fundingAccounts(native)] : []),
        ...(amount < 0n ? [adjustTransfer({ ...native, amount: -amount, movement: 'left' })] : []),
      ];
    }),
    ...arrived.map(([one]) => fundingAccounts(one!)),
  ];
}

/** Writes the transfers, the rows that make them single, and what each is booked by. Arrivals first: gas may need them. */
export async function book(
  ledger: Ledger,
  sql: Sql,
  due: readonly Due[],
  arrived: readonly Arrived[],
): Promise<BookedStretch[]> {
  const balanceOf = await ledger.lock(sql, accountsOf(due, arrived));
  const items = due.map((item) => ({ ...item, arrived: bookable(item, balanceOf) }));
  const funded = items.filter((item) => item.arrived > 0n);
  const spent = items.filter(({ stretch }) => stretch.gasReserved > 0n);
  const lost = items.filter((item) => item.arrived < 0n);
  const fundings = [
    ...arrived.map((logs) => ({
      ...logs[0]!,
      amount: logs.reduce((sum, { amount }) => sum + amount, 0n),
    })),
    ...funded.map((item) => ({ ...nativeOf(item.stretch), amount: item.arrived })),
  ];
  const ids = await ledger.post(sql, [
    ...fundingTransfers(fundings, balanceOf),
    ...spent.map(gasOf),
    ...lost.map((item) =>
      adjustTransfer({ ...nativeOf(item.stretch), amount: -item.arrived, movement: 'left' }),
    ),
  ]);
  const next = ids.values();
  const idOf = () => next.next().value!;
  const logs = arrived.flatMap((group) => {
    const transferId = idOf();
    return group.map((arrival) => ({ ...arrival, transferId }));
  });
  const arrivalIds = new Map(funded.map((item) => [item, idOf()]));
  const gasIds = new Map(spent.map((item) => [item, idOf()]));
  for (const item of lost) arrivalIds.set(item, idOf());
  if ((await setArrivalsBooked(sql, logs)) < logs.length) throw new Transient('booked meanwhile');
  const stretches = items.map(
    (item): BookedStretch => ({
      ...item.stretch,
      ...item.booking,
      arrived: item.arrived,
      gasTransferId: gasIds.get(item) ?? null,
      arrivalTransferId: arrivalIds.get(item) ?? null,
    }),
  );
  await insertStretches(sql, stretches);
  return stretches;
}

/** What is missing is booked as far as the lane's free funds go; the rest is missing in the next stretch too. */
function bookable({ stretch, booking }: Due, balanceOf: (key: AccountKey) => bigint): bigint {
  const { arrived, gasCost } = booking;
  if (arrived >= 0n) return arrived;
  const { tenantId, laneId, asset } = nativeOf(stretch);
  const hot = balanceOf({ tenantId, kind: 'hot', owner: String(laneId), asset });
  const free = hot + stretch.gasReserved - gasCost;
  return -arrived < free ? arrived : -free;
}
