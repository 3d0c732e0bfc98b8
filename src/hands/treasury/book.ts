import type { Sql } from '../../base/db/index.ts';
import { caip19, Transient } from '../../base/kernel/index.ts';
import {
  type AccountKey,
  adjustTransfer,
  expectedTransfer,
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
  setExpectedBooked,
} from '../../books/tx/index.ts';
import type { Booking } from './decide-gas.ts';
import { fundingAccounts, fundingTransfers } from './fund.ts';

type Due = { stretch: OpenStretch; booking: Booking };

/** Arrivals of one asset on one lane, all of them expected or none; never empty. */
export type Arrived = OpenArrival[];

/** Grouped by lane, asset and whether they were expected: dust that somebody sends a thousand times is one transfer. */
export function groupArrivals(arrivals: readonly OpenArrival[]): Arrived[] {
  const groups = new Map<string, Arrived>();
  for (const arrival of arrivals) {
    const name = `${arrival.laneId} ${arrival.asset} ${arrival.expectedBy !== null}`;
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
    ...arrived.map((group) =>
      isExpected(group) ? expectedTransfer(summed(group)) : fundingAccounts(group[0]!),
    ),
  ];
}

const isExpected = ([one]: Arrived) => one!.expectedBy !== null;

function summed(group: Arrived): OpenArrival {
  return { ...group[0]!, amount: group.reduce((sum, { amount }) => sum + amount, 0n) };
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
  const expected = arrived.filter(isExpected);
  const found = arrived.filter((group) => !isExpected(group));
  const fundings = [
    ...found.map(summed),
    ...funded.map((item) => ({ ...nativeOf(item.stretch), amount: item.arrived })),
  ];
  const ids = await ledger.post(sql, [
    ...fundingTransfers(fundings, balanceOf),
    ...expected.map((group) => expectedTransfer(summed(group))),
    ...spent.map(gasOf),
    ...lost.map((item) =>
      adjustTransfer({ ...nativeOf(item.stretch), amount: -item.arrived, movement: 'left' }),
    ),
  ]);
  const next = ids.values();
  const idOf = () => next.next().value!;
  const bookedBy = (group: Arrived) => {
    const transferId = idOf();
    return group.map((arrival) => ({ ...arrival, transferId }));
  };
  const strangers = found.flatMap(bookedBy);
  const arrivalIds = new Map(funded.map((item) => [item, idOf()]));
  const payments = expected.flatMap(bookedBy);
  const gasIds = new Map(spent.map((item) => [item, idOf()]));
  for (const item of lost) arrivalIds.set(item, idOf());
  await setBooked(sql, [...strangers, ...payments]);
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

async function setBooked(
  sql: Sql,
  arrivals: readonly (OpenArrival & { transferId: string })[],
): Promise<void> {
  const expected = arrivals.flatMap(({ expectedBy, transferId }) =>
    expectedBy === null ? [] : [{ ownerId: expectedBy, transferId }],
  );
  const booked =
    (await setArrivalsBooked(sql, arrivals)) + (await setExpectedBooked(sql, expected));
  if (booked < arrivals.length + expected.length) throw new Transient('booked meanwhile');
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
