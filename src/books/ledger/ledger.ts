import type { Db, Sql } from '../../base/db/index.ts';
import { Invariant } from '../../base/kernel/index.ts';
import { AccountCache } from './account-cache.ts';
import type { AccountKey, Transfer } from './movement.ts';

const REMEMBERED = 100_000;

/**
 * Writes transfers. Account numbers are cached; a missing account is made in a
 * statement of its own before any transaction (an empty account is harmless). Use inside a transaction:
 * lock() what may be touched, first of all locks after keys, in the order of account numbers; then post().
 */
export class Ledger {
  readonly #db: Db;
  readonly #cache: AccountCache;
  readonly #numbers = new WeakMap<Transfer, bigint[]>();

  /** `remembered`: accounts in each half of the cache. */
  constructor(db: Db, options: { remembered?: number } = {}) {
    this.#db = db;
    this.#cache = new AccountCache(db, options.remembered ?? REMEMBERED);
  }

  /** Makes sure that every account of these transfers exists and is known here. Outside transactions. */
  async open(transfers: readonly Transfer[]): Promise<void> {
    const unknown = transfers.filter((transfer) => !this.#note(transfer));
    await this.openAccounts(unknown.flatMap((t) => t.postings.flatMap((p) => [p.debit, p.credit])));
    for (const transfer of unknown) this.#numbers.set(transfer, this.#look(transfer));
  }

  /** Keeps the numbers of a transfer's accounts; false where one is not known, or has to be asked anew. */
  #note(transfer: Transfer): boolean {
    const numbers: bigint[] = [];
    for (const { debit, credit } of transfer.postings) {
      if (!this.#cache.isFresh(nameOf(debit)) || !this.#cache.isFresh(nameOf(credit))) return false;
      numbers.push(this.#number(debit), this.#number(credit));
    }
    this.#numbers.set(transfer, numbers);
    return true;
  }

  /** Debit and credit of each posting in turn: a step that opens, locks and posts looks them up by name once. */
  #numbersOf(transfer: Transfer): bigint[] {
    return this.#numbers.get(transfer) ?? this.#look(transfer);
  }

  #look({ postings }: Transfer): bigint[] {
    return postings.flatMap(({ debit, credit }) => [this.#number(debit), this.#number(credit)]);
  }

  async openAccounts(keys: readonly AccountKey[]): Promise<void> {
    const missing = await this.#load(keys);
    if (missing.length === 0) return;
    // Sorted: two processes that make the same accounts in another order would deadlock.
    const sorted = [...missing].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    await this.#db.query(
      `INSERT INTO ledger_balance (tenant_id, kind, owner, asset, normal_side)
       SELECT tenant_id, kind, owner, asset, CASE WHEN kind = ANY($5::text[]) THEN 'credit' ELSE 'debit' END
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS u(tenant_id, kind, owner, asset)
       ON CONFLICT DO NOTHING`,
      [...columns(sorted), CREDIT_NORMAL],
    );
    const still = await this.#load(missing);
    if (still.length > 0)
      throw new Invariant('internal', `ledger account ${nameOf(still[0]!)} can not be made`);
  }

  /** The numbers of accounts that exist; an account that does not is absent. Outside transactions. */
  async find(keys: readonly AccountKey[]): Promise<(bigint | undefined)[]> {
    await this.#load(keys);
    return keys.map((key) => this.#numberIfKnown(key));
  }

  #numberIfKnown(key: AccountKey): bigint | undefined {
    const number = this.#cache.get(nameOf(key));
    return number === undefined || key.kind !== 'reserved' ? number : number + 1n;
  }

  /** Reads unknown keys into the cache; returns those that the database does not have. */
  async #load(keys: readonly (AccountKey | RowKey)[]): Promise<RowKey[]> {
    const unknown = new Map<string, RowKey>();
    for (const key of keys) {
      const name = nameOf(key);
      if (!this.#cache.isFresh(name)) unknown.set(name, rowOf(key));
    }
    if (unknown.size === 0) return [];
    // Before they are read: what a session showed that is lost meanwhile is asked for again.
    const { era } = this.#cache;
    const { rows } = await this.#db.query<RowKey & { account_no: bigint }>(
      `SELECT a.account_no, a.tenant_id AS "tenantId", a.kind, a.owner, a.asset
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS k(tenant_id, kind, owner, asset)
       JOIN ledger_balance a USING (tenant_id, kind, owner, asset)`,
      columns([...unknown.values()]),
    );
    for (const row of rows) {
      const name = nameOf(row);
      this.#cache.set(name, row.account_no, era);
      unknown.delete(name);
    }
    for (const name of unknown.keys()) this.#cache.delete(name);
    return [...unknown.values()];
  }

  #number(key: AccountKey): bigint {
    const number = this.#numberIfKnown(key);
    if (number === undefined)
      throw new Invariant('internal', `ledger account ${nameOf(key)} was not opened`);
    return number;
  }

  /** Locks every account of these transfers, by number; returns balances on the normal side. */
  async lock(sql: Sql, transfers: readonly Transfer[]): Promise<(key: AccountKey) => bigint> {
    const numbers = transfers.flatMap((transfer) => this.#numbersOf(transfer));
    const balances = await lockAccounts(sql, numbers);
    return (key) => balances.get(this.#number(key)) ?? 0n;
  }

  /**
   * Writes transfers, postings, the rows that make a reserve and its resolution single, and the new
   * balances, in one statement. The accounts are locked already. A second resolution or a balance on
   * its wrong side is an error of the database and undoes the whole transaction. Returns transfer ids.
   */
  async post(sql: Sql, transfers: readonly Transfer[]): Promise<string[]> {
    if (transfers.length === 0) return [];
    const numbers = transfers.map((transfer) => this.#numbersOf(transfer));
    const places = Array.from({ length: MOST_POSTINGS }, (_, place) => [
      numbers.map((of) => of[2 * place] ?? null),
      numbers.map((of) => of[2 * place + 1] ?? null),
      transfers.map((t) => t.postings[place]?.amount ?? null),
    ]);
    const { rows } = await sql.query<{ id: string }>({
      name: 'ledger_post',
      text: POST,
      values: [
        transfers.map((t) => t.tenantId),
        transfers.map((t) => t.kind),
        transfers.map((t) => t.account),
        transfers.map((t) => t.subjectId),
        transfers.map((t) => t.generation),
        transfers.map((t) => t.correlationId),
        ...places.flat().map(orNone),
        ...changesOf(transfers, numbers),
      ],
    });
    return rows.map((row) => row.id);
  }
}

/** As the table's check has it. */
const MOST_POSTINGS = 4;

/** A column of nulls is none at all, which unnest pads with nulls. */
function orNone(values: readonly unknown[]): readonly unknown[] | null {
  return values.every((value) => value === null) ? null : values;
}

/** What is added up here is not aggregated row by row there: balances, and what is debited, credited and reserved. */
function changesOf(
  transfers: readonly Transfer[],
  numbers: readonly (readonly bigint[])[],
): [bigint[], bigint[], bigint[], bigint[]] {
  const changes = new Map<bigint, { debit: bigint; credit: bigint; reserved: bigint }>();
  const add = (number: bigint, side: 'debit' | 'credit', amount: bigint) => {
    const row = number & ~1n;
    const change = changes.get(row) ?? { debit: 0n, credit: 0n, reserved: 0n };
    if (row === number) change[side] += amount;
    else change.reserved += side === 'credit' ? amount : -amount;
    changes.set(row, change);
  };
  transfers.forEach(({ postings }, index) => {
    postings.forEach(({ amount }, place) => {
      add(numbers[index]![2 * place]!, 'debit', amount);
      add(numbers[index]![2 * place + 1]!, 'credit', amount);
    });
  });
  const all = [...changes.values()];
  return [
    [...changes.keys()],
    all.map(({ debit }) => debit),
    all.map(({ credit }) => credit),
    all.map(({ reserved }) => reserved),
  ];
}

const POST = `
  WITH t AS MATERIALIZED (
    SELECT payonce_uuid7() AS id, u.*
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::text[],
      $7::bigint[], $8::bigint[], $9::numeric[], $10::bigint[], $11::bigint[], $12::numeric[],
      $13::bigint[], $14::bigint[], $15::numeric[], $16::bigint[], $17::bigint[], $18::numeric[])
      WITH ORDINALITY AS u(tenant_id, kind, account, subject_id, generation, correlation_id,
        debit1, credit1, amount1, debit2, credit2, amount2, debit3, credit3, amount3, debit4, credit4, amount4, idx)
  ), made AS (
    INSERT INTO reserve (withdrawal_id, generation, transfer_id)
    SELECT subject_id, generation, id FROM t WHERE kind IN ('RESERVE', 'REVERSE')
  ), resolved AS (
    INSERT INTO reserve_resolution (withdrawal_id, generation, resolution, transfer_id)
    SELECT subject_id, t.generation, (SELECT kind FROM reserve r
      WHERE r.withdrawal_id = t.subject_id AND r.generation = t.generation), id
    FROM t WHERE kind IN ('COMMIT', 'RELEASE')
  ), moved AS (
    INSERT INTO transfer (transfer_id, tenant_id, kind, account, subject_id, generation, correlation_id,
      debit_nos, credit_nos, amounts)
    SELECT id, tenant_id, kind, account, subject_id, generation, correlation_id,
      array_remove(ARRAY[debit1, debit2, debit3, debit4], NULL),
      array_remove(ARRAY[credit1, credit2, credit3, credit4], NULL),
      array_remove(ARRAY[amount1, amount2, amount3, amount4], NULL) FROM t
  ), changed AS (
    UPDATE ledger_balance b SET reserved = b.reserved + d.reserved,
      balance = b.balance + CASE b.normal_side WHEN 'debit' THEN d.debit - d.credit ELSE d.credit - d.debit END
    FROM unnest($19::bigint[], $20::numeric[], $21::numeric[], $22::numeric[])
      AS d(account_no, debit, credit, reserved)
    WHERE b.account_no = d.account_no AND b.account_no = ANY($19::bigint[])
  )
  SELECT id FROM t ORDER BY idx`;

/** Locks ledger accounts by number, ascending; returns number → balance. */
export async function lockAccounts(
  sql: Sql,
  numbers: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  if (numbers.length === 0) return new Map();
  const { rows } = await sql.query<{ account_no: bigint; balance: bigint; reserved: bigint }>({
    name: 'ledger_lock',
    text: `SELECT account_no, balance, reserved FROM ledger_balance WHERE account_no = ANY($1::bigint[])
      ORDER BY account_no FOR NO KEY UPDATE`,
    // The account of what is reserved has the number behind its row's.
    values: [[...new Set(numbers.map((number) => number & ~1n))]],
  });
  return new Map(
    rows.flatMap((row) => [
      [row.account_no, row.balance],
      [row.account_no + 1n, row.reserved],
    ]),
  );
}

/** A row of balances: a customer's has `available` and, one number on, `reserved`. */
type RowKey = Omit<AccountKey, 'kind'> & { kind: RowKind };
type RowKind = Exclude<AccountKey['kind'], 'available' | 'reserved'> | 'customer';

/** What is owed, and the owners' own, stands on the credit side. A check of the database agrees. */
const CREDIT_NORMAL: readonly RowKind[] = ['customer', 'capital', 'revenue', 'pending'];

function rowKindOf(kind: AccountKey['kind'] | RowKind): RowKind {
  return kind === 'available' || kind === 'reserved' ? 'customer' : kind;
}

function rowOf(key: AccountKey | RowKey): RowKey {
  return { ...key, kind: rowKindOf(key.kind) };
}

function nameOf(key: AccountKey | RowKey): string {
  return `${key.tenantId}|${rowKindOf(key.kind)}|${key.owner}|${key.asset}`;
}

function columns(keys: readonly RowKey[]): unknown[] {
  return [
    keys.map((key) => key.tenantId),
    keys.map((key) => key.kind),
    keys.map((key) => key.owner),
    keys.map((key) => key.asset),
  ];
}
