import type { Sql } from '../../base/db/index.ts';

export type Balance = {
  asset: string;
  available: bigint;
  reserved: bigint;
  /** Of a merchant: owed as soon as its payers' payments are settled. */
  pending: bigint;
};

/** A customer's balances per asset as they are now; null when there is no such account. */
export async function readBalances(
  sql: Sql,
  query: { tenantId: string; account: string },
): Promise<Balance[] | null> {
  const { rows } = await sql.query<Balance & { asset: string | null }>(
    `SELECT l.asset,
       coalesce(sum(l.balance) FILTER (WHERE l.kind = 'available'), 0) AS available,
       coalesce(sum(l.balance) FILTER (WHERE l.kind = 'reserved'), 0) AS reserved,
       coalesce(sum(l.balance) FILTER (WHERE l.kind = 'pending'), 0) AS pending
     FROM account a
     LEFT JOIN ledger_account l ON l.tenant_id = a.tenant_id AND l.owner = a.name
       AND l.kind IN ('available', 'reserved', 'pending')
     WHERE a.tenant_id = $1 AND a.name = $2
     GROUP BY l.asset ORDER BY l.asset`,
    [query.tenantId, query.account],
  );
  if (rows.length === 0) return null;
  return rows.filter((row) => row.asset !== null);
}

/** The same at a moment in the past, added up from the postings until then. */
export async function readBalancesAt(
  sql: Sql,
  query: { tenantId: string; account: string; at: Date },
): Promise<Balance[] | null> {
  const { rows } = await sql.query<Balance & { asset: string | null }>(
    `WITH mine AS (
       SELECT account_no, kind, asset FROM ledger_account
       WHERE tenant_id = $1 AND owner = $2 AND kind IN ('available', 'reserved', 'pending')
     ), moved AS (
       SELECT p.debit_no, p.credit_no, p.amount FROM transfer t JOIN posting p USING (transfer_id)
       WHERE t.tenant_id = $1 AND t.account = $2 AND t.at <= $3
         AND t.transfer_id < payonce_uuid_at($3::timestamptz + interval '1 minute')
         AND p.transfer_id < payonce_uuid_at($3::timestamptz + interval '1 minute')
     ), side AS (
       SELECT credit_no AS account_no, amount FROM moved
       UNION ALL SELECT debit_no, -amount FROM moved
     ), total AS (
       SELECT m.asset, m.kind, coalesce(sum(s.amount), 0) AS balance
       FROM mine m LEFT JOIN side s USING (account_no) GROUP BY m.asset, m.kind
     )
     SELECT total.asset,
       coalesce(sum(balance) FILTER (WHERE kind = 'available'), 0) AS available,
       coalesce(sum(balance) FILTER (WHERE kind = 'reserved'), 0) AS reserved,
       coalesce(sum(balance) FILTER (WHERE kind = 'pending'), 0) AS pending
     FROM account a LEFT JOIN total ON true
     WHERE a.tenant_id = $1 AND a.name = $2
     GROUP BY total.asset ORDER BY total.asset`,
    [query.tenantId, query.account, query.at],
  );
  if (rows.length === 0) return null;
  return rows.filter((row) => row.asset !== null);
}

export type LaneBalance = {
  laneId: number;
  asset: string;
  /** Free: what new slots may take. */
  hot: bigint;
  /** Set aside for the gas of slots that is not booked yet. */
  gasInTransit: bigint;
};

/** What lanes have by the books, one row per asset that they ever had. */
export async function readLaneBalances(
  sql: Sql,
  laneIds: readonly number[],
): Promise<LaneBalance[]> {
  const { rows } = await sql.query<LaneBalance>({
    name: 'ledger_lanes',
    text: `
      SELECT l.lane_id AS "laneId", b.asset,
        coalesce(sum(b.balance) FILTER (WHERE b.kind = 'hot'), 0) AS hot,
        coalesce(sum(b.balance) FILTER (WHERE b.kind = 'gas_in_transit'), 0) AS "gasInTransit"
      FROM lane l
      JOIN ledger_balance b ON b.tenant_id = l.tenant_id AND b.kind IN ('hot', 'gas_in_transit')
        AND b.owner = l.lane_id::text
      WHERE l.lane_id = ANY($1::int[]) GROUP BY l.lane_id, b.asset ORDER BY l.lane_id, b.asset`,
    values: [laneIds],
  });
  return rows;
}

type StatementLine = {
  transferId: string;
  kind: string;
  asset: string;
  /** What this transfer added to (or took from, negative) available and reserved. */
  available: bigint;
  reserved: bigint;
  subjectId: string | null;
  correlationId: string | null;
  at: Date;
};

/** The transfers that moved what a customer has, newest first, before a transfer id: what is only pending is none. */
export async function readStatement(
  sql: Sql,
  query: { tenantId: string; account: string; before: string | null; limit: number },
): Promise<StatementLine[]> {
  const { rows } = await sql.query<StatementLine>(
    // Before the limit: a page of nothing but what is pending would look like the end.
    `WITH mine AS MATERIALIZED (
       SELECT account_no, kind, asset FROM ledger_account
       WHERE tenant_id = $1 AND owner = $2 AND kind IN ('available', 'reserved')
     ), page AS (
       SELECT * FROM transfer WHERE tenant_id = $1 AND account = $2
         AND (debit_nos || credit_nos) && ARRAY(SELECT account_no FROM mine)
         AND ($3::uuid IS NULL OR transfer_id < $3) ORDER BY transfer_id DESC LIMIT $4
     )
     SELECT t.transfer_id AS "transferId", t.kind, min(l.asset) AS asset,
       coalesce(sum(CASE WHEN p.credit_no = l.account_no THEN p.amount ELSE -p.amount END)
         FILTER (WHERE l.kind = 'available'), 0) AS available,
       coalesce(sum(CASE WHEN p.credit_no = l.account_no THEN p.amount ELSE -p.amount END)
         FILTER (WHERE l.kind = 'reserved'), 0) AS reserved,
       t.subject_id AS "subjectId", t.correlation_id AS "correlationId", t.at
     FROM page t
     JOIN posting p USING (transfer_id)
     JOIN mine l ON l.account_no IN (p.debit_no, p.credit_no)
     GROUP BY t.transfer_id, t.kind, t.subject_id, t.correlation_id, t.at
     ORDER BY t.transfer_id DESC`,
    [query.tenantId, query.account, query.before, query.limit],
  );
  return rows;
}

type ReplayBreak = {
  accountNo: bigint;
  kind: string;
  owner: string;
  asset: string;
  balance: bigint;
  replayed: bigint;
};

/** Accounts whose balance is not what their postings add up to. Empty: replay = balances. */
export async function replayBreaks(sql: Sql): Promise<ReplayBreak[]> {
  const { rows } = await sql.query<ReplayBreak>(
    `WITH side AS (
       SELECT debit_no AS account_no, amount AS debit, 0 AS credit FROM posting
       UNION ALL SELECT credit_no, 0, amount FROM posting
     ), total AS (
       SELECT account_no, sum(debit) AS debit, sum(credit) AS credit FROM side GROUP BY account_no
     ), replayed AS (
       SELECT a.*, CASE normal_side WHEN 'debit' THEN coalesce(debit - credit, 0)
         ELSE coalesce(credit - debit, 0) END AS replayed
       FROM ledger_account a LEFT JOIN total USING (account_no)
     )
     SELECT account_no AS "accountNo", kind, owner, asset, balance, replayed
     FROM replayed WHERE balance <> replayed ORDER BY account_no`,
  );
  return rows;
}
