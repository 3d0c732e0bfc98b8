import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { formatAmount, type Refusal, refuse } from '../../../base/kernel/index.ts';
import {
  type KeyToTake,
  keyConflict,
  type TakenKey,
  takeKeys,
} from '../../../books/access/index.ts';
import { type Ledger, lockAccounts } from '../../../books/ledger/index.ts';
import type { WithdrawalOrder } from './request.ts';
import { type Fresh, flushColumns, writeFlush } from './write.ts';

/** What one flush decided about one order. */
export type FlushResult =
  | { kind: 'created'; id: string; createdAt: Date; order: WithdrawalOrder }
  /** The key was used before with this content: the resource as it is now tells. */
  | { kind: 'replay'; id: string }
  /** With an id: stored as a REJECTED withdrawal, final for the key. */
  | { kind: 'refused'; refusal: Refusal; id: string | null };

/** Orders whose external id turned out to be taken: the flush is undone and run without them. */
class ExternalIdTaken extends Error {
  readonly orders: Set<WithdrawalOrder>;
  constructor(orders: Set<WithdrawalOrder>) {
    super('external id taken');
    this.orders = orders;
  }
}

/**
 * One transaction for everything that waited: takes keys, locks accounts, gives every order its verdict
 * from the locked balances, writes withdrawals, reserves, events and jobs. Keys of the orders
 * are distinct. A crash before the COMMIT leaves nothing; after it, everything.
 */
export async function flush(
  context: { db: Db; ledger: Ledger },
  orders: readonly WithdrawalOrder[],
): Promise<FlushResult[]> {
  const accounts = await accountNumbers(context.ledger, orders);
  const results = new Map<WithdrawalOrder, FlushResult>();
  let remaining = orders;
  while (remaining.length > 0) {
    try {
      const done = await inTransaction(context.db, (sql) => flushOnce(sql, remaining, accounts));
      for (const [order, result] of done) results.set(order, result);
      break;
    } catch (error) {
      if (!(error instanceof ExternalIdTaken)) throw error;
      for (const order of error.orders) {
        results.set(order, { kind: 'refused', refusal: externalIdConflict(order), id: null });
      }
      remaining = remaining.filter((order) => !error.orders.has(order));
    }
  }
  return orders.map((order) => results.get(order)!);
}

export function externalIdConflict(order: WithdrawalOrder): Refusal {
  return refuse(
    'external_id_conflict',
    `The externalId ${JSON.stringify(order.externalId)} belongs to another withdrawal; an externalId is used once for ever.`,
  );
}

/** What an order locks and spends, by ledger account number; an account without the asset has nothing. */
async function accountNumbers(
  ledger: Ledger,
  orders: readonly WithdrawalOrder[],
): Promise<Map<WithdrawalOrder, bigint | undefined>> {
  const found = await ledger.find(
    orders.map((order) => ({
      tenantId: order.tenantId,
      kind: 'available',
      owner: order.account,
      asset: order.asset.caip19,
    })),
  );
  return new Map(orders.map((order, index) => [order, found[index]]));
}

async function flushOnce(
  sql: Sql,
  orders: readonly WithdrawalOrder[],
  accounts: ReadonlyMap<WithdrawalOrder, bigint | undefined>,
): Promise<Map<WithdrawalOrder, FlushResult>> {
  const keys: KeyToTake[] = orders.map(({ keyHash, contentHash }) => ({ keyHash, contentHash }));
  const taken = await takeKeys(sql, keys);
  const results = new Map<WithdrawalOrder, FlushResult>();
  const fresh: Fresh[] = [];
  for (const order of orders) {
    const key = taken.get(order.keyHash)!;
    if (key.outcome === 'taken') {
      fresh.push({ order, id: key.resourceId, accountNo: accounts.get(order) ?? null });
    } else results.set(order, known(order, key));
  }
  if (fresh.length === 0) return results;
  await takeExternalIds(sql, fresh);
  const columns = flushColumns(fresh);
  const refusals = await judge(sql, fresh);
  const createdAt = await writeFlush(sql, columns, refusals);
  fresh.forEach(({ order, id }, index) => {
    const refusal = refusals[index] ?? null;
    results.set(
      order,
      refusal === null
        ? { kind: 'created', id, createdAt, order }
        : { kind: 'refused', refusal, id },
    );
  });
  return results;
}

function known(order: WithdrawalOrder, key: TakenKey): FlushResult {
  if (key.outcome === 'replay') return { kind: 'replay', id: key.resourceId };
  return { kind: 'refused', refusal: keyConflict(order.idempotencyKey), id: null };
}

async function takeExternalIds(sql: Sql, fresh: readonly Fresh[]): Promise<void> {
  const named = fresh
    .filter(({ order }) => order.externalHash !== null)
    .sort((a, b) => (a.order.externalHash! < b.order.externalHash! ? -1 : 1));
  if (named.length === 0) return;
  const { rows } = await sql.query<{ withdrawal_id: string }>({
    name: 'external_id_take',
    text: `INSERT INTO external_id (external_hash, withdrawal_id)
      SELECT h, w FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u(h, w, idx) ORDER BY idx
      ON CONFLICT (external_hash) DO NOTHING RETURNING withdrawal_id`,
    values: [named.map(({ order }) => order.externalHash), named.map(({ id }) => id)],
  });
  if (rows.length === named.length) return;
  const ours = new Set(rows.map((row) => row.withdrawal_id));
  throw new ExternalIdTaken(
    new Set(named.filter(({ id }) => !ours.has(id)).map(({ order }) => order)),
  );
}

/** Verdicts by running sum over the locked balances, in order of arrival; null: accepted. */
async function judge(sql: Sql, fresh: readonly Fresh[]): Promise<(Refusal | null)[]> {
  const numbers = fresh.flatMap(({ accountNo }) => accountNo ?? []);
  const balances = await lockAccounts(sql, [...new Set(numbers)]);
  return fresh.map(({ order, accountNo }) => {
    if (order.tier === null) return aboveLimit(order);
    const required = order.amount + order.asset.fee;
    const available = accountNo === null ? 0n : (balances.get(accountNo) ?? 0n);
    if (accountNo === null || available < required) return insufficient(order, available, required);
    balances.set(accountNo, available - required);
    return null;
  });
}

function aboveLimit(order: WithdrawalOrder): Refusal {
  const { asset, amount } = order;
  return refuse(
    'amount_above_limit',
    `No tier of ${asset.id} covers ${formatAmount(amount, asset.decimals)}.`,
  );
}

function insufficient(
  order: WithdrawalOrder,
  availableAtomic: bigint,
  requiredAtomic: bigint,
): Refusal {
  const { id, decimals } = order.asset;
  const available = formatAmount(availableAtomic, decimals);
  const required = formatAmount(requiredAtomic, decimals);
  return refuse(
    'insufficient_balance',
    `The account has ${available} ${id} available; amount and fee are ${required}.`,
    {
      members: { available, required },
    },
  );
}
