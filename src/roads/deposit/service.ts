import type { Assets } from '../../base/config/index.ts';
import { afterCommit, type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { formatAmount, isRefusal, type Refusal, refuse } from '../../base/kernel/index.ts';
import { keyConflict, takeKeys } from '../../books/access/index.ts';
import {
  type Balance,
  depositTransfer,
  type Ledger,
  readBalances,
  readBalancesAt,
  readStatement,
} from '../../books/ledger/index.ts';
import { type DepositOrder, parseDeposit } from './request.ts';
import type { BalanceView, DepositView, TransferView } from './types.ts';

type DepositVerdict =
  | { kind: 'created' | 'replayed'; view: DepositView }
  | { kind: 'refused'; refusal: Refusal; replayed: boolean };

const NUMERIC_OUT_OF_RANGE = '22003';

/** Undoes the transaction and carries the answer out of it. */
class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

/** Credits to customers' accounts and what their books show. */
export class DepositService {
  readonly #context: { db: Db; ledger: Ledger; assets: Assets };

  constructor(context: { db: Db; ledger: Ledger; assets: Assets }) {
    this.#context = context;
  }

  /**
   * Credits an account, which the first deposit creates. Single by key and by reference: the same key with
   * the same content is the same deposit; a reference that another key has used is a conflict. One transaction,
   * so a crash leaves all of it or nothing.
   */
  async deposit(
    tenantId: string,
    request: { idempotencyKey: string; body: unknown; correlationId: string },
  ): Promise<DepositVerdict> {
    const order = parseDeposit(this.#context.assets, { ...request, tenantId });
    if (isRefusal(order)) return { kind: 'refused', refusal: order, replayed: false };
    const { db, ledger } = this.#context;
    const { account, amount, correlationId } = order;
    const credit = (depositId: string | null) =>
      depositTransfer({
        tenantId,
        depositId,
        account,
        asset: order.asset.caip19,
        amount,
        correlationId,
      });
    await db.query('INSERT INTO account (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      tenantId,
      account,
    ]);
    const reserved = {
      tenantId,
      kind: 'reserved' as const,
      owner: account,
      asset: order.asset.caip19,
    };
    await ledger.open([credit(null)]);
    await ledger.openAccounts([reserved]);
    try {
      const { id, replayed } = await inTransaction(db, (sql) => this.#write(sql, order, credit));
      return {
        kind: replayed ? 'replayed' : 'created',
        view: await afterCommit(this.#view(order, id)),
      };
    } catch (error) {
      if (error instanceof Refused)
        return { kind: 'refused', refusal: error.refusal, replayed: false };
      if ((error as { code?: unknown }).code === NUMERIC_OUT_OF_RANGE)
        return { kind: 'refused', refusal: tooMuch(order), replayed: false };
      throw error;
    }
  }

  async #write(
    sql: Sql,
    order: DepositOrder,
    credit: (depositId: string) => ReturnType<typeof depositTransfer>,
  ): Promise<{ id: string; replayed: boolean }> {
    const { keyHash, contentHash, referenceHash } = order;
    const key = (await takeKeys(sql, [{ keyHash, contentHash }])).get(keyHash)!;
    if (key.outcome === 'conflict') throw new Refused(keyConflict(order.idempotencyKey));
    if (key.outcome === 'replay') return { id: key.resourceId, replayed: true };
    const made = await sql.query(
      `INSERT INTO deposit_reference (reference_hash, deposit_id, content_hash) VALUES ($1, $2, $3)
       ON CONFLICT (reference_hash) DO NOTHING`,
      [referenceHash, key.resourceId, contentHash],
    );
    if (made.rowCount === 0) throw new Refused(referenceConflict(order.reference));
    const transfers = [credit(key.resourceId)];
    await this.#context.ledger.lock(sql, transfers);
    await this.#context.ledger.post(sql, transfers);
    return { id: key.resourceId, replayed: false };
  }

  async #view(order: DepositOrder, id: string): Promise<DepositView> {
    const { rows } = await this.#context.db.query<{ at: Date; correlation_id: string }>(
      `SELECT at, correlation_id FROM transfer
       WHERE tenant_id = $1 AND account = $2 AND subject_id = $3 AND kind = 'DEPOSIT'`,
      [order.tenantId, order.account, id],
    );
    return {
      id,
      account: order.account,
      asset: order.asset.id,
      amount: formatAmount(order.amount, order.asset.decimals),
      amountAtomic: order.amount.toString(),
      reference: order.reference,
      idempotencyKey: order.idempotencyKey,
      correlationId: rows[0]?.correlation_id ?? order.correlationId,
      createdAt: rows[0]!.at.toISOString(),
    };
  }

  /** Null: there is no such account. `at`: as it stood at that moment. */
  async balances(
    tenantId: string,
    account: string,
    at: Date | null,
  ): Promise<BalanceView[] | null> {
    const { db } = this.#context;
    const rows =
      at === null
        ? await readBalances(db, { tenantId, account })
        : await readBalancesAt(db, { tenantId, account, at });
    return rows?.map((row) => this.#balanceView(row)) ?? null;
  }

  #balanceView({ asset: name, available, reserved, pending }: Balance): BalanceView {
    const asset = this.#context.assets.find(name);
    const decimals = asset?.decimals ?? 0;
    const posted = available + reserved;
    return {
      asset: asset?.id ?? name,
      posted: formatAmount(posted, decimals),
      reserved: formatAmount(reserved, decimals),
      available: formatAmount(available, decimals),
      pending: formatAmount(pending, decimals),
      postedAtomic: posted.toString(),
      reservedAtomic: reserved.toString(),
      availableAtomic: available.toString(),
      pendingAtomic: pending.toString(),
    };
  }

  /** The account's statement, newest first; null: there is no such account. */
  async transfers(
    tenantId: string,
    account: string,
    page: { limit: number; before: string | null },
  ): Promise<TransferView[] | null> {
    const { db, assets } = this.#context;
    const known = await db.query('SELECT 1 FROM account WHERE tenant_id = $1 AND name = $2', [
      tenantId,
      account,
    ]);
    if (known.rows.length === 0) return null;
    const lines = await readStatement(db, { tenantId, account, ...page });
    return lines.map((line) => {
      const asset = assets.find(line.asset);
      const show = (atomic: bigint) =>
        `${atomic < 0n ? '-' : ''}${formatAmount(atomic < 0n ? -atomic : atomic, asset?.decimals ?? 0)}`;
      return {
        id: line.transferId,
        kind: line.kind,
        asset: asset?.id ?? line.asset,
        available: show(line.available),
        availableAtomic: line.available.toString(),
        reserved: show(line.reserved),
        reservedAtomic: line.reserved.toString(),
        subjectId: line.subjectId,
        correlationId: line.correlationId,
        at: line.at.toISOString(),
      };
    });
  }
}

function tooMuch(order: DepositOrder): Refusal {
  return refuse(
    'invalid_amount',
    `With this deposit the balance of ${order.account} or of all accounts would have more than 78 digits, which the ledger can not hold.`,
  );
}

function referenceConflict(reference: string): Refusal {
  return refuse(
    'external_id_conflict',
    `The reference ${JSON.stringify(reference)} belongs to another deposit; a reference is used once for ever.`,
  );
}
