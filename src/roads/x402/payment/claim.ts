import { advance, HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex, PAYMENT } from '../../../base/kernel/index.ts';
import { merchantAccount } from '../../../books/access/index.ts';
import { earningAccounts, type Ledger } from '../../../books/ledger/index.ts';
import { walletOf } from '../check/scope.ts';
import { type PolicyContext, previewRefused } from '../policy/judge.ts';
import { charge } from './charge.ts';
import { fingerprintOf, insertNew, insertRows, type Row } from './insert.ts';
import { reserve } from './reserve.ts';
import type { PaymentRow } from './rows.ts';
import { isSame, isTheirs, judgedOf, type Wish } from './wish.ts';

export type Claimed =
  /** This call and no other has the lease of a verify. */
  | { kind: 'leased'; id: string; payment: Pick<PaymentRow, 'id' | 'authorizationId' | 'status'> }
  /** This call and no other has reserved it. */
  | { kind: 'reserved'; id: string; payment: PaymentRow }
  /** It is somebody's already: its outcome tells. */
  | { kind: 'known'; id: string }
  /** Nobody has it: policy would deny it; or waits for a word about who pays, or who is paid. */
  | { kind: 'denied' }
  | { kind: 'unscreened' }
  /** Its identifier was used for something else. */
  | { kind: 'conflict' }
  /** Its authorization belongs to a payment of another merchant, or to one that is not like it. */
  | { kind: 'elsewhere' };

const COLUMNS = `payment_id AS id, authorization_id AS "authorizationId", merchant_id AS "merchantId",
  converged_on AS "convergedOn", status, decision_id IS NOT NULL AS "isDecided", fingerprint,
  coalesce(leased_until > now(), false) AS leased, false AS "isNew",
  token, pay_to AS "payTo", valid_after AS "validAfter", valid_before AS "validBefore", amount, charged, method IS NOT DISTINCT FROM 'upto' AS "isUpto", priced_endpoint IS NOT NULL AS "isPriced"`;

/**
 * Takes payments for their callers, in the caller's transaction. An authorization that is new becomes a row for
 * ever; one that its payer signed again under the same identifier ends as a duplicate of the first. What is reserved
 * has its transaction opened in the same act, so after a crash there are both or neither. Rows are locked by id.
 */
export async function claimPayments(
  sql: Sql,
  wishes: readonly Wish[],
  options: PolicyContext & { leaseMs: number; ledger: Ledger },
): Promise<Claimed[]> {
  const made = await insertNew(sql, wishes, options.leaseMs);
  const others = wishes.filter(({ checked }) => !made.has(checked.authorizationId));
  const byDigest = new Map([...made, ...(await lockByDigest(sql, others))]);
  const converged = await converge(
    sql,
    wishes.filter((wish) => !byDigest.has(wish.checked.authorizationId)),
  );
  for (const [digest, row] of converged) byDigest.set(digest, row);
  const rows = await lockFirsts(sql, [...byDigest.values()]);
  const leasing = new Set<string>();
  const reserving = new Map<string, Wish>();
  const charges = new Map<string, bigint>();
  const verdicts = wishes.map((wish): Claimed | { kind: 'reserving'; id: string } => {
    const found = byDigest.get(wish.checked.authorizationId);
    if (found === undefined) return { kind: 'conflict' };
    if (found.merchantId !== wish.merchant.merchantId) return { kind: 'elsewhere' };
    if (!isSame(found, wish.checked.request)) return { kind: 'elsewhere' };
    const row = rows.get(found.convergedOn ?? found.id)!;
    if (!isTheirs(row, wish.pricedEndpoint)) return { kind: 'elsewhere' };
    const { id, authorizationId } = row;
    const open = !row.isDecided && (row.status === 'AUTH_SIGNED' || row.status === 'AUTH_VERIFIED');
    const taken = reserving.has(id) || (wish.to === 'verify' && (row.leased || leasing.has(id)));
    if (!open || taken) return { kind: 'known', id };
    if (wish.to === 'verify') {
      leasing.add(id);
      return { kind: 'leased', id, payment: { id, authorizationId, status: 'AUTH_VERIFIED' } };
    }
    reserving.set(id, wish);
    const { asked, signed } = wish.checked.request;
    if (signed.ceiling !== null && row.charged === null) charges.set(id, asked.amount);
    return { kind: 'reserving', id };
  });
  const leased = verdicts.flatMap((verdict, index) =>
    verdict.kind === 'leased' ? judgedOf(wishes[index]!, verdict.id) : [],
  );
  const refused = await previewRefused(options, sql, leased);
  await lease(
    sql,
    [...leasing].map((id) => rows.get(id)!),
    { leaseMs: options.leaseMs, refused },
  );
  for (const id of await charge(sql, rows, charges)) reserving.delete(id);
  const { reserved, unscreened } = await reserve(sql, rows, reserving, options);
  return verdicts.map((verdict): Claimed => {
    if (verdict.kind === 'leased') {
      const kind = refused.get(verdict.id);
      return kind === undefined ? verdict : { kind };
    }
    if (verdict.kind !== 'reserving') return verdict;
    const { id } = verdict;
    if (unscreened.has(id)) return { kind: 'unscreened' };
    const payment = reserved.get(id);
    return payment === undefined ? { kind: 'known', id } : { kind: 'reserved', id, payment };
  });
}

/** Makes the accounts that reserving these may touch; outside transactions. */
export async function openEarnings(ledger: Ledger, wishes: readonly Wish[]): Promise<void> {
  const custodial = wishes.filter(({ to, merchant, checked: { request } }) => {
    return to === 'settle' && walletOf(merchant, request.chainId, request.asked.payTo);
  });
  await ledger.open(
    custodial.map(({ merchant, asset, checked, correlationId }) =>
      earningAccounts({
        kind: 'EXPECT',
        paymentId: checked.authorizationId,
        tenantId: merchant.tenantId,
        account: merchantAccount(merchant),
        asset: asset.caip19,
        amount: checked.request.signed.amount,
        correlationId,
      }),
    ),
  );
}

async function lockByDigest(sql: Sql, wishes: readonly Wish[]): Promise<Map<Hex, Row>> {
  if (wishes.length === 0) return new Map();
  const { rows } = await sql.query<Row>({
    name: 'payment_lock_digest',
    types: HEX_BYTES,
    text: `SELECT ${COLUMNS} FROM payment WHERE authorization_id = ANY($1::bytea[])
      ORDER BY payment_id FOR UPDATE`,
    values: [wishes.map(({ checked }) => fromHex(checked.authorizationId))],
  });
  return new Map(rows.map((row) => [row.authorizationId, row]));
}

/** New authorizations whose identifier has its payment: the same content makes them its duplicates. */
async function converge(sql: Sql, wishes: readonly Wish[]): Promise<Map<Hex, Row>> {
  if (wishes.length === 0) return new Map();
  const { rows } = await sql.query<Row & { key: string }>({
    name: 'payment_lock_key',
    types: HEX_BYTES,
    text: `SELECT ${COLUMNS}, merchant_id || ' ' || idempotency_key || ' ' || endpoint AS key
      FROM payment WHERE (merchant_id, endpoint, idempotency_key) IN (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]))
      ORDER BY payment_id FOR UPDATE`,
    values: [
      wishes.map(({ merchant }) => merchant.merchantId),
      wishes.map(({ checked }) => checked.request.endpoint),
      wishes.map(({ checked }) => checked.request.identifier),
    ],
  });
  const firsts = new Map(rows.map((row) => [row.key, row]));
  const same = wishes.flatMap((wish) => {
    const { identifier, endpoint } = wish.checked.request;
    const first = firsts.get(`${wish.merchant.merchantId} ${identifier} ${endpoint}`);
    if (first === undefined || first.fingerprint !== fingerprintOf(wish)) return [];
    return [{ wish, convergedOn: first.id, leaseMs: null }];
  });
  await insertRows(sql, same);
  const found = await lockByDigest(
    sql,
    same.map(({ wish }) => wish),
  );
  const fresh = [...found.values()].filter(({ status }) => status === 'AUTH_SIGNED');
  await advance(
    sql,
    PAYMENT,
    fresh.map(({ id }) => ({ id, from: 'AUTH_SIGNED', to: 'DUPLICATE_REQUEST' })),
  );
  return found;
}

/** The payments that these stand for, by id. */
async function lockFirsts(sql: Sql, found: readonly Row[]): Promise<Map<string, Row>> {
  const rows = new Map(found.map((row) => [row.id, row]));
  const missing = found.flatMap(({ convergedOn }) =>
    convergedOn === null || rows.has(convergedOn) ? [] : [convergedOn],
  );
  if (missing.length === 0) return rows;
  const firsts = await sql.query<Row>({
    name: 'payment_lock_firsts',
    types: HEX_BYTES,
    text: `SELECT ${COLUMNS} FROM payment WHERE payment_id = ANY($1::uuid[]) ORDER BY payment_id FOR UPDATE`,
    values: [missing],
  });
  for (const row of firsts.rows) rows.set(row.id, row);
  return rows;
}

/** Rows that were made now have their lease already: it is taken from those that are refused. */
async function lease(
  sql: Sql,
  rows: readonly Row[],
  { leaseMs, refused }: { leaseMs: number; refused: ReadonlyMap<string, unknown> },
): Promise<void> {
  const given = rows.filter(({ id }) => !refused.has(id));
  const signed = given.filter(({ status }) => status === 'AUTH_SIGNED');
  await advance(
    sql,
    PAYMENT,
    signed.map(({ id }) => ({ id, from: 'AUTH_SIGNED', to: 'AUTH_VERIFIED' })),
  );
  const before = given.filter(({ isNew }) => !isNew);
  await setLease(sql, before, leaseMs);
  const taken = rows.filter(({ id, isNew }) => isNew && refused.has(id));
  await setLease(sql, taken, null);
}

async function setLease(sql: Sql, rows: readonly Row[], leaseMs: number | null): Promise<void> {
  if (rows.length === 0) return;
  await sql.query({
    name: 'payment_lease',
    text: `UPDATE payment SET leased_until = now() + $2 * interval '1 millisecond'
      WHERE payment_id = ANY($1::uuid[])`,
    values: [rows.map(({ id }) => id), leaseMs],
  });
}
