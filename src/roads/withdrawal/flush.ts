import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { formatAmount, fromHex, type Refusal, refuse } from '../../base/kernel/index.ts';
import { enqueue, type JobRequest } from '../../base/queue/index.ts';
import { type KeyToTake, keyConflict, type TakenKey, takeKeys } from '../../books/access/index.ts';
import { type Ledger, lockAccounts, reserveTransfer } from '../../books/ledger/index.ts';
import type { WithdrawalOrder } from './request.ts';
import { WITHDRAWAL_TOPICS } from './topics.ts';

/** What one flush decided about one order. */
export type FlushResult =
  | { kind: 'created'; id: string; createdAt: Date; order: WithdrawalOrder }
  /** The key was used before with this content: the resource as it is now tells. */
  | { kind: 'replay'; id: string }
  | { kind: 'refused'; refusal: Refusal };

/** A withdrawal that ends here: its answer is stored for the key. */
type Verdict = { order: WithdrawalOrder; id: string; refusal: Refusal | null };

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
  const numbers = await accountNumbers(context.ledger, orders);
  const results = new Map<WithdrawalOrder, FlushResult>();
  let remaining = orders;
  while (remaining.length > 0) {
    try {
      const done = await inTransaction(context.db, (sql) =>
        flushOnce(sql, context.ledger, remaining, numbers),
      );
      for (const [order, result] of done) results.set(order, result);
      break;
    } catch (error) {
      if (!(error instanceof ExternalIdTaken)) throw error;
      for (const order of error.orders) {
        results.set(order, { kind: 'refused', refusal: externalIdConflict(order) });
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

type Numbers = Map<WithdrawalOrder, { available: bigint; reserved: bigint } | null>;

/** An account without the asset has nothing to lock and nothing to spend: null. */
async function accountNumbers(
  ledger: Ledger,
  orders: readonly WithdrawalOrder[],
): Promise<Numbers> {
  const keys = orders.flatMap((order) =>
    (['available', 'reserved'] as const).map((kind) => ({
      tenantId: order.tenantId,
      kind,
      owner: order.account,
      asset: order.asset.caip19,
    })),
  );
  const found = await ledger.find(keys);
  return new Map(
    orders.map((order, index) => {
      const available = found[index * 2];
      const reserved = found[index * 2 + 1];
      return [
        order,
        available === undefined || reserved === undefined ? null : { available, reserved },
      ];
    }),
  );
}

async function flushOnce(
  sql: Sql,
  ledger: Ledger,
  orders: readonly WithdrawalOrder[],
  numbers: Numbers,
): Promise<Map<WithdrawalOrder, FlushResult>> {
  const keys: KeyToTake[] = orders.map(({ keyHash, contentHash }) => ({ keyHash, contentHash }));
  const taken = await takeKeys(sql, keys);
  const results = new Map<WithdrawalOrder, FlushResult>();
  const fresh: { order: WithdrawalOrder; id: string }[] = [];
  for (const order of orders) {
    const key = taken.get(order.keyHash)!;
    if (key.outcome === 'taken') fresh.push({ order, id: key.resourceId });
    else results.set(order, known(order, key));
  }
  if (fresh.length === 0) return results;
  await takeExternalIds(sql, fresh);
  const verdicts = await judge(sql, fresh, numbers);
  const createdAt = await insertWithdrawals(sql, verdicts);
  const reserved = verdicts.filter((verdict) => verdict.refusal === null);
  await ledger.post(
    sql,
    reserved.map(({ order, id }) => reserveTransfer(ledgerOrder(order, id))),
  );
  await enqueue(
    sql,
    reserved.flatMap(({ order, id }) => jobsOf(order, id, createdAt)),
  );
  for (const { order, id, refusal } of verdicts) {
    results.set(
      order,
      refusal === null ? { kind: 'created', id, createdAt, order } : { kind: 'refused', refusal },
    );
  }
  return results;
}

function known(order: WithdrawalOrder, key: TakenKey): FlushResult {
  if (key.outcome === 'replay') return { kind: 'replay', id: key.resourceId };
  return { kind: 'refused', refusal: keyConflict(order.idempotencyKey) };
}

async function takeExternalIds(
  sql: Sql,
  fresh: readonly { order: WithdrawalOrder; id: string }[],
): Promise<void> {
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

/** Verdicts by running sum over the locked balances, in order of arrival. */
async function judge(
  sql: Sql,
  fresh: readonly { order: WithdrawalOrder; id: string }[],
  numbers: Numbers,
): Promise<Verdict[]> {
  const wanted = new Set<bigint>();
  for (const { order } of fresh) {
    const pair = numbers.get(order);
    if (pair) wanted.add(pair.available).add(pair.reserved);
  }
  const balances = await lockAccounts(sql, [...wanted]);
  return fresh.map(({ order, id }) => {
    if (order.policy.verdict === 'deny') return { order, id, refusal: aboveLimit(order) };
    const pair = numbers.get(order);
    const required = order.amount + order.asset.fee;
    const available = pair ? (balances.get(pair.available) ?? 0n) : 0n;
    if (!pair || available < required)
      return { order, id, refusal: insufficient(order, available, required) };
    balances.set(pair.available, available - required);
    return { order, id, refusal: null };
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

async function insertWithdrawals(sql: Sql, verdicts: readonly Verdict[]): Promise<Date> {
  const orders = verdicts.map((verdict) => verdict.order);
  const refusals = verdicts.map((verdict) => verdict.refusal);
  const { rows } = await sql.query<{ created_at: Date }>({
    name: 'withdrawal_insert',
    text: `
      WITH made AS (
        INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
          external_id, metadata, correlation_id, expires_at, status, risk_tier, failure_code, failure_message, failure_members)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::bytea[],
          $8::text[], $9::text[], $10::jsonb[], $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::text[],
          $16::text[], $17::jsonb[])
        RETURNING withdrawal_id, tenant_id, status, correlation_id
      ), logged AS (
        INSERT INTO event (tenant_id, type, subject_id, to_state, correlation_id)
        SELECT tenant_id, 'withdrawal', withdrawal_id, status, correlation_id FROM made
      )
      SELECT now() AS created_at`,
    values: [
      verdicts.map((verdict) => verdict.id),
      orders.map((order) => order.tenantId),
      orders.map((order) => order.account),
      orders.map((order) => order.asset.caip19),
      orders.map((order) => order.amount),
      orders.map((order) => order.asset.fee),
      orders.map((order) => fromHex(order.recipient)),
      orders.map((order) => order.idempotencyKey),
      orders.map((order) => order.externalId),
      orders.map((order) => (order.metadata === null ? null : JSON.stringify(order.metadata))),
      orders.map((order) => order.correlationId),
      orders.map((order) => (order.expiresAt === null ? null : new Date(order.expiresAt))),
      refusals.map((refusal) => (refusal === null ? 'RESERVED' : 'REJECTED')),
      orders.map((order) => order.policy.tier?.name ?? null),
      refusals.map((refusal) => refusal?.code ?? null),
      refusals.map((refusal) => refusal?.detail ?? null),
      refusals.map((refusal) =>
        refusal?.members === undefined ? null : JSON.stringify(refusal.members),
      ),
    ],
  });
  return rows[0]!.created_at;
}

function ledgerOrder(order: WithdrawalOrder, id: string) {
  return {
    tenantId: order.tenantId,
    withdrawalId: id,
    generation: 1,
    correlationId: order.correlationId,
    account: order.account,
    asset: order.asset.caip19,
    amount: order.amount,
    fee: order.asset.fee,
  };
}

function jobsOf(order: WithdrawalOrder, id: string, createdAt: Date): JobRequest[] {
  const job = { subjectId: id, tenantId: order.tenantId, trace: order.correlationId };
  const jobs: JobRequest[] = [{ ...job, topic: WITHDRAWAL_TOPICS.requested }];
  if (order.expiresAt !== null) {
    // The database's clock decides at run time; this only says when to look.
    jobs.push({
      ...job,
      topic: WITHDRAWAL_TOPICS.expire,
      delayMs: order.expiresAt - createdAt.getTime(),
    });
  }
  return jobs;
}
