import type { Db, Sql } from '../../base/db/index.ts';
import { Invariant } from '../../base/kernel/index.ts';
import { type AccountKey, CREDIT_NORMAL, type Transfer } from './transfers.ts';

const REMEMBERED = 100_000;

/**
 * Writes transfers. Account numbers never change, so they are cached; a missing account is made in a
 * statement of its own before any transaction (an empty account is harmless). Use inside a transaction:
 * lock() what may be touched, first of all locks after keys, in the order of account numbers; then post().
 *
 * The cache has two halves: a full young one becomes the old one. What a step opened is thus still known
 * when it posts, whatever others open meanwhile, unless they fill a whole half.
 */
export class Ledger {
  readonly #db: Db;
  readonly #remembered: number;
  #young = new Map<string, bigint>();
  #old = new Map<string, bigint>();

  /** `remembered`: accounts in each half of the cache. */
  constructor(db: Db, options: { remembered?: number } = {}) {
    this.#db = db;
    this.#remembered = options.remembered ?? REMEMBERED;
  }

  #known(name: string): bigint | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const number = this.#old.get(name);
    if (number !== undefined) this.#remember(name, number);
    return number;
  }

  #remember(name: string, number: bigint): void {
    if (this.#young.size >= this.#remembered) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, number);
  }

  /** Makes sure that every account of these transfers exists and is known here. Outside transactions. */
  async open(transfers: readonly Transfer[]): Promise<void> {
    await this.openAccounts(
      transfers.flatMap((t) => t.postings.flatMap((p) => [p.debit, p.credit])),
    );
  }

  async openAccounts(keys: readonly AccountKey[]): Promise<void> {
    const missing = await this.#load(keys);
    if (missing.length === 0) return;
    // Sorted: two processes that make the same accounts in another order would deadlock.
    const sorted = [...missing].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    await this.#db.query(
      `INSERT INTO ledger_account (tenant_id, kind, owner, asset, normal_side)
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
    return keys.map((key) => this.#known(nameOf(key)));
  }

  /** Reads unknown keys into the cache; returns those that the database does not have. */
  async #load(keys: readonly AccountKey[]): Promise<AccountKey[]> {
    const unknown = new Map<string, AccountKey>();
    for (const key of keys) {
      const name = nameOf(key);
      if (this.#known(name) === undefined) unknown.set(name, key);
    }
    if (unknown.size === 0) return [];
    const { rows } = await this.#db.query<AccountKey & { account_no: bigint }>(
      `SELECT a.account_no, a.tenant_id AS "tenantId", a.kind, a.owner, a.asset
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS k(tenant_id, kind, owner, asset)
       JOIN ledger_account a USING (tenant_id, kind, owner, asset)`,
      columns([...unknown.values()]),
    );
    for (const row of rows) {
      const name = nameOf(row);
      this.#remember(name, row.account_no);
      unknown.delete(name);
    }
    return [...unknown.values()];
  }

  #number(key: AccountKey): bigint {
    const number = this.#known(nameOf(key));
    if (number === undefined)
      throw new Invariant('internal', `ledger account ${nameOf(key)} was not opened`);
    return number;
  }

  /** Locks every account of these transfers, by number; returns balances on the normal side. */
  async lock(sql: Sql, transfers: readonly Transfer[]): Promise<(key: AccountKey) => bigint> {
    const numbers = new Set<bigint>();
    for (const transfer of transfers) {
      for (const posting of transfer.postings) {
        numbers.add(this.#number(posting.debit)).add(this.#number(posting.credit));
      }
    }
    const balances = await lockAccounts(sql, [...numbers]);
    return (key) => balances.get(this.#number(key)) ?? 0n;
  }

  /**
   * Writes transfers, postings, the rows that make a reserve and its resolution single, and the new
   * balances, in one statement. The accounts are locked already. A second resolution or a balance on
   * its wrong side is an error of the database and undoes the whole transaction. Returns transfer ids.
   */
  async post(sql: Sql, transfers: readonly Transfer[]): Promise<string[]> {
    if (transfers.length === 0) return [];
    const postings = transfers.flatMap((transfer, index) =>
      transfer.postings.map((posting, ordinal) => ({ ...posting, index, ordinal })),
    );
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
        postings.map((p) => p.index + 1),
        postings.map((p) => p.ordinal),
        postings.map((p) => this.#number(p.debit)),
        postings.map((p) => this.#number(p.credit)),
        postings.map((p) => p.amount),
      ],
    });
    return rows.map((row) => row.id);
  }
}

const POST = `
  WITH t AS MATERIALIZED (
    SELECT payonce_uuid7() AS id, u.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::text[])
      WITH ORDINALITY AS u(tenant_id, kind, account, subject_id, generation, correlation_id, idx)
  ), p AS MATERIALIZED (
    SELECT t.id, u.* FROM unnest($7::bigint[], $8::smallint[], $9::bigint[], $10::bigint[], $11::numeric[])
      AS u(idx, ordinal, debit_no, credit_no, amount) JOIN t ON t.idx = u.idx
  ), made AS (
    INSERT INTO reserve (withdrawal_id, generation, transfer_id)
    SELECT subject_id, generation, id FROM t WHERE kind = 'RESERVE'
  ), resolved AS (
    INSERT INTO reserve_resolution (withdrawal_id, generation, resolution, transfer_id)
    SELECT subject_id, generation, kind, id FROM t WHERE kind IN ('COMMIT', 'RELEASE')
  ), moved AS (
    INSERT INTO transfer (transfer_id, tenant_id, kind, account, subject_id, generation, correlation_id)
    SELECT id, tenant_id, kind, account, subject_id, generation, correlation_id FROM t
  ), posted AS (
    INSERT INTO posting (transfer_id, ordinal, debit_no, credit_no, amount)
    SELECT id, ordinal, debit_no, credit_no, amount FROM p
  ), delta AS MATERIALIZED (
    SELECT account_no, sum(debit) AS debit, sum(credit) AS credit FROM (
      SELECT debit_no AS account_no, amount AS debit, 0 AS credit FROM p
      UNION ALL SELECT credit_no, 0, amount FROM p) sides
    GROUP BY account_no
  ), changed AS (
    UPDATE ledger_account a
    SET balance = balance + CASE a.normal_side WHEN 'debit' THEN d.debit - d.credit ELSE d.credit - d.debit END
    FROM delta d WHERE a.account_no = d.account_no
  )
  SELECT id FROM t ORDER BY idx`;

/** Locks ledger accounts by number, ascending; returns number → balance. */
export async function lockAccounts(
  sql: Sql,
  numbers: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  if (numbers.length === 0) return new Map();
  const { rows } = await sql.query<{ account_no: bigint; balance: bigint }>({
    name: 'ledger_lock',
    text: `SELECT account_no, balance FROM ledger_account WHERE account_no = ANY($1::bigint[])
      ORDER BY account_no FOR NO KEY UPDATE`,
    values: [numbers],
  });
  return new Map(rows.map((row) => [row.account_no, row.balance]));
}

function nameOf(key: AccountKey): string {
  return `${key.tenantId}|${key.kind}|${key.owner}|${key.asset}`;
}

function columns(keys: readonly AccountKey[]): unknown[] {
  return [
    keys.map((key) => key.tenantId),
    keys.map((key) => key.kind),
    keys.map((key) => key.owner),
    keys.map((key) => key.asset),
  ];
}
