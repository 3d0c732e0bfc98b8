import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, toHex } from '../../base/kernel/index.ts';

export type AddressBookEntry = {
  id: string;
  address: Address;
  /** Null: for every account of the tenant. */
  account: string | null;
  label: string;
  addedBy: string;
  addedAt: Date;
  removedAt: Date | null;
};

type Raw = Omit<AddressBookEntry, 'address'> & { address: Buffer };

const COLUMNS = `entry_id AS id, address, account, label, added_by AS "addedBy", added_at AS "addedAt",
  removed_at AS "removedAt"`;

const fromRaw = (row: Raw): AddressBookEntry => ({ ...row, address: toHex(row.address) });

/** What is in the book now, newest first. `account`: what it may use, those of every account included. */
export async function readEntries(
  sql: Sql,
  query: {
    tenantId: string;
    account?: string;
    address?: Address;
    limit: number;
    before: string | null;
  },
): Promise<AddressBookEntry[]> {
  const { rows } = await sql.query<Raw>({
    name: 'address_book_list',
    text: `SELECT ${COLUMNS} FROM address_book_entry
      WHERE tenant_id = $1 AND removed_at IS NULL AND ($2::text IS NULL OR account IS NULL OR account = $2)
        AND ($3::bytea IS NULL OR address = $3) AND ($4::uuid IS NULL OR entry_id < $4)
      ORDER BY entry_id DESC LIMIT $5`,
    values: [
      query.tenantId,
      query.account ?? null,
      query.address === undefined ? null : fromHex(query.address),
      query.before,
      query.limit,
    ],
  });
  return rows.map(fromRaw);
}

/** The entry as it stands, and whether it was added now: an address that is there already is left as it is. */
export async function addEntry(
  sql: Sql,
  entry: { tenantId: string; address: Address; account: string | null; label: string; by: string },
): Promise<{ entry: AddressBookEntry; added: boolean }> {
  const { tenantId, address, account, label, by } = entry;
  const { rows } = await sql.query<Raw & { added: boolean }>({
    name: 'address_book_add',
    // What is there is locked by an update that changes nothing: read by a second statement it may have been removed.
    text: `INSERT INTO address_book_entry AS e (tenant_id, address, account, label, added_by) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (tenant_id, address, coalesce(account, '')) WHERE removed_at IS NULL
      DO UPDATE SET removed_at = e.removed_at RETURNING ${COLUMNS}, xmax = 0 AS added`,
    values: [tenantId, fromHex(address), account, label, by],
  });
  const { added, ...found } = rows[0]!;
  return { entry: fromRaw(found), added };
}

/** Null: the tenant has no such entry, or it was removed before. */
export async function removeEntry(
  sql: Sql,
  { tenantId, id, by }: { tenantId: string; id: string; by: string },
): Promise<AddressBookEntry | null> {
  const { rows } = await sql.query<Raw>({
    name: 'address_book_remove',
    text: `UPDATE address_book_entry SET removed_at = clock_timestamp(), removed_by = $3
      WHERE entry_id = $2 AND tenant_id = $1 AND removed_at IS NULL RETURNING ${COLUMNS}`,
    values: [tenantId, id, by],
  });
  return rows[0] === undefined ? null : fromRaw(rows[0]);
}

type Destination = { tenantId: string; account: string | null; address: Address };

/** Since when each is in the book, in order, ms since the epoch; null: it is not. */
export async function readKnownSince(
  sql: Sql,
  destinations: readonly Destination[],
): Promise<(number | null)[]> {
  const { rows } = await sql.query<{ since: Date | null }>({
    name: 'address_book_known',
    text: `SELECT (SELECT min(e.added_at) FROM address_book_entry e
          WHERE e.tenant_id = u.tenant_id AND e.address = u.address AND e.removed_at IS NULL
            AND (e.account IS NULL OR e.account = u.account)) AS since
      FROM unnest($1::uuid[], $2::text[], $3::bytea[]) WITH ORDINALITY AS u(tenant_id, account, address, n)
      ORDER BY n`,
    values: [
      destinations.map(({ tenantId }) => tenantId),
      destinations.map(({ account }) => account),
      destinations.map(({ address }) => fromHex(address)),
    ],
  });
  return rows.map(({ since }) => since?.getTime() ?? null);
}

/** The same as it was at a moment of each, ms since the epoch. */
export async function readKnownAt(
  sql: Sql,
  destinations: readonly (Destination & { at: number })[],
): Promise<(number | null)[]> {
  const { rows } = await sql.query<{ since: Date | null }>({
    name: 'address_book_known_at',
    text: `SELECT (SELECT min(e.added_at) FROM address_book_entry e
          WHERE e.tenant_id = u.tenant_id AND e.address = u.address AND (e.account IS NULL OR e.account = u.account)
            AND e.added_at <= u.at AND (e.removed_at IS NULL OR e.removed_at > u.at)) AS since
      FROM (SELECT tenant_id, account, address, to_timestamp(ms / 1000.0) AS at, n
        FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::float8[]) WITH ORDINALITY AS d(tenant_id, account, address, ms, n)) u
      ORDER BY n`,
    values: [
      destinations.map(({ tenantId }) => tenantId),
      destinations.map(({ account }) => account),
      destinations.map(({ address }) => fromHex(address)),
      destinations.map(({ at }) => at),
    ],
  });
  return rows.map(({ since }) => since?.getTime() ?? null);
}
