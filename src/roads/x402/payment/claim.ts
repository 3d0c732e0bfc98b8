import { advance, HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import {
  fromHex,
  type Hex,
  keyHash,
  PAYMENT,
  type PaymentState,
} from '../../../base/kernel/index.ts';
import { merchantAccount } from '../../../books/access/index.ts';
import { earningAccounts, type Ledger } from '../../../books/ledger/index.ts';
import { tierOf } from '../../../books/policy/index.ts';
import { walletOf } from '../check/scope.ts';
import { type PolicyContext, previewDenied } from '../policy/judge.ts';
import { reserve } from './reserve.ts';
import { judgedOf, type Wish } from './wish.ts';

export type Claimed =
  /** This call and no other: has the lease of a verify, or has reserved it. */
  | { kind: 'mine'; id: string }
  /** It is somebody's already: its outcome tells. */
  | { kind: 'known'; id: string }
  /** Nobody has it: policy would deny it. */
  | { kind: 'denied' }
  /** Its identifier was used for something else. */
  | { kind: 'conflict' }
  /** Its authorization belongs to a payment of another merchant. */
  | { kind: 'elsewhere' };

type Row = {
  id: string;
  authorizationId: Hex;
  merchantId: string;
  convergedOn: string | null;
  status: PaymentState;
  fingerprint: string;
  leased: boolean;
};

const COLUMNS = `payment_id AS id, authorization_id AS "authorizationId", merchant_id AS "merchantId",
  converged_on AS "convergedOn", status, fingerprint, coalesce(leased_until > now(), false) AS leased`;

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
  await insertNew(sql, wishes);
  const byDigest = await lockByDigest(sql, wishes);
  const converged = await converge(
    sql,
    wishes.filter((wish) => !byDigest.has(wish.checked.authorizationId)),
  );
  for (const [digest, row] of converged) byDigest.set(digest, row);
  const rows = await lockFirsts(sql, [...byDigest.values()]);
  const leasing = new Set<string>();
  const reserving = new Set<string>();
  const claims = wishes.map((wish): Claimed => {
    const found = byDigest.get(wish.checked.authorizationId);
    if (found === undefined) return { kind: 'conflict' };
    if (found.merchantId !== wish.merchant.merchantId) return { kind: 'elsewhere' };
    const row = rows.get(found.convergedOn ?? found.id)!;
    const { id } = row;
    const open = row.status === 'AUTH_SIGNED' || row.status === 'AUTH_VERIFIED';
    const taken = reserving.has(id) || (wish.to === 'verify' && (row.leased || leasing.has(id)));
    if (!open || taken) return { kind: 'known', id };
    (wish.to === 'verify' ? leasing : reserving).add(id);
    return { kind: 'mine', id };
  });
  const leased = claims.flatMap((claim, index) => {
    const wish = wishes[index]!;
    return wish.to === 'verify' && claim.kind === 'mine' ? judgedOf(wish, claim.id) : [];
  });
  const denied = await previewDenied(options, sql, leased);
  const given = [...leasing].filter((id) => !denied.has(id));
  await lease(sql, rows, given, options.leaseMs);
  await reserve(sql, rows, [...reserving], options);
  return claims.map((claim, index) => {
    const no = wishes[index]!.to === 'verify' && claim.kind === 'mine' && denied.has(claim.id);
    return no ? { kind: 'denied' } : claim;
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

/** Sorted, so that two processes wait for each other in one order. */
async function insertNew(sql: Sql, wishes: readonly Wish[]): Promise<void> {
  const sorted = [...wishes].sort((a, b) =>
    a.checked.authorizationId < b.checked.authorizationId ? -1 : 1,
  );
  await insertRows(
    sql,
    sorted.map((wish) => ({ wish, convergedOn: null })),
  );
}

async function insertRows(
  sql: Sql,
  items: readonly { wish: Wish; convergedOn: string | null }[],
): Promise<void> {
  if (items.length === 0) return;
  const of = <T>(value: (wish: Wish) => T) => items.map(({ wish }) => value(wish));
  const asked = <T>(value: (request: Wish['checked']['request']) => T) =>
    of(({ checked }) => value(checked.request));
  await sql.query({
    name: 'payment_insert',
    text: `
      WITH made AS (
        INSERT INTO payment (tenant_id, merchant_id, status, endpoint, idempotency_key, fingerprint, authorization_id,
          converged_on, chain_id, asset, token, payer, pay_to, amount, valid_after, valid_before, nonce, signature,
          wait_until, commit_at, risk_tier, correlation_id, lane_id, method, priced_endpoint)
        SELECT tenant_id, merchant_id, 'AUTH_SIGNED', endpoint, CASE WHEN converged_on IS NULL THEN idempotency_key END,
          fingerprint, authorization_id, converged_on, chain_id, asset, token, payer, pay_to, amount, valid_after,
          valid_before, nonce, signature, wait_until, commit_at, risk_tier, correlation_id, lane_id, method,
          priced_endpoint
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::uuid[], $8::bigint[],
          $9::text[], $10::bytea[], $11::bytea[], $12::bytea[], $13::numeric[], $14::numeric[], $15::numeric[],
          $16::bytea[], $17::bytea[], $18::text[], $19::text[], $20::text[], $21::text[], $22::int[], $23::text[],
          $24::uuid[])
          AS u(tenant_id, merchant_id, endpoint, idempotency_key, fingerprint, authorization_id, converged_on, chain_id,
            asset, token, payer, pay_to, amount, valid_after, valid_before, nonce, signature, wait_until, commit_at,
            risk_tier, correlation_id, lane_id, method, priced_endpoint)
        ON CONFLICT DO NOTHING RETURNING payment_id, tenant_id, correlation_id
      )
      INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
      SELECT tenant_id, 'payment', 'AUTH_SIGNED', count(*), array_agg(payment_id), array_agg(correlation_id)
      FROM made GROUP BY tenant_id`,
    values: [
      of(({ merchant }) => merchant.tenantId),
      of(({ merchant }) => merchant.merchantId),
      asked(({ endpoint }) => endpoint),
      asked(({ identifier }) => identifier),
      of(fingerprintOf),
      of(({ checked }) => fromHex(checked.authorizationId)),
      items.map(({ convergedOn }) => convergedOn),
      asked(({ chainId }) => chainId),
      of(({ asset }) => asset.caip19),
      asked(({ asked: { token } }) => fromHex(token)),
      asked(({ signed }) => fromHex(signed.payer)),
      asked(({ signed }) => fromHex(signed.payTo)),
      asked(({ signed }) => signed.amount),
      asked(({ signed }) => signed.validAfter),
      asked(({ signed }) => signed.validBefore),
      asked(({ signed }) => fromHex(signed.nonce)),
      asked(({ signed }) => fromHex(signed.signature)),
      of((wish) => tierFor(wish).waitUntil ?? 'included'),
      of((wish) => tierFor(wish).commitAt),
      of((wish) => tierFor(wish).name),
      of(({ correlationId }) => correlationId),
      of(({ merchant, checked: { request } }) => {
        return walletOf(merchant, request.chainId, request.asked.payTo)?.laneId ?? null;
      }),
      asked(({ signed }) => signed.method),
      of(({ pricedEndpoint }) => pricedEndpoint),
    ],
  });
}

/** Its scope was judged, so there is one. */
function tierFor({ asset, checked }: Wish) {
  return tierOf({ asset, amount: checked.request.signed.amount })!;
}

/** What one identifier stands for: everything but what a payer signs anew each time. */
function fingerprintOf({ checked: { request } }: Pick<Wish, 'checked'>): string {
  const { chainId, asked, signed, endpoint } = request;
  const amount = asked.amount.toString();
  return keyHash(
    'exact',
    String(chainId),
    asked.token,
    amount,
    asked.payTo,
    signed.payer,
    endpoint,
  );
}

async function lockByDigest(sql: Sql, wishes: readonly Wish[]): Promise<Map<Hex, Row>> {
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
    return [{ wish, convergedOn: first.id }];
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

async function lease(
  sql: Sql,
  rows: ReadonlyMap<string, Row>,
  ids: readonly string[],
  leaseMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await advance(
    sql,
    PAYMENT,
    ids
      .filter((id) => rows.get(id)!.status === 'AUTH_SIGNED')
      .map((id) => ({ id, from: 'AUTH_SIGNED', to: 'AUTH_VERIFIED' })),
  );
  await sql.query({
    name: 'payment_lease',
    text: `UPDATE payment SET leased_until = now() + $2 * interval '1 millisecond'
      WHERE payment_id = ANY($1::uuid[])`,
    values: [ids, leaseMs],
  });
}
