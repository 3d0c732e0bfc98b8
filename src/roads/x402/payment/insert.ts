import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import {
  type Address,
  fromHex,
  type Hex,
  keyHash,
  type PaymentState,
} from '../../../base/kernel/index.ts';
import { tierOf } from '../../../books/policy/index.ts';
import { walletOf } from '../check/scope.ts';
import type { Wish } from './wish.ts';

export type Row = {
  id: string;
  authorizationId: Hex;
  merchantId: string;
  convergedOn: string | null;
  status: PaymentState;
  /** Whether it stands decided: denied, or persons were asked about it. */
  isDecided: boolean;
  fingerprint: string;
  leased: boolean;
  token: Address;
  payTo: Address;
  validAfter: bigint;
  validBefore: bigint;
  /** What was signed; of `upto` the most. */
  amount: bigint;
  /** What was asked for before, and not reserved; null: nothing. */
  charged: bigint | null;
  isUpto: boolean;
  /** It came through the gateway. */
  isPriced: boolean;
  /** Made by this very act, with the lease that its maker wants. */
  isNew: boolean;
};

/**
 * Rows of those that nobody has seen, by their digest: a verify's with its lease. Sorted, so that two processes wait for
 * each other in one order.
 */
export async function insertNew(
  sql: Sql,
  wishes: readonly Wish[],
  leaseMs: number,
): Promise<Map<Hex, Row>> {
  const sorted = wishes
    .filter(({ isKnown }) => !isKnown)
    .sort((a, b) => (a.checked.authorizationId < b.checked.authorizationId ? -1 : 1));
  const made = await insertRows(
    sql,
    sorted.map((wish) => {
      return { wish, convergedOn: null, leaseMs: wish.to === 'verify' ? leaseMs : null };
    }),
  );
  return new Map(made.map((row) => [row.authorizationId, row]));
}

export async function insertRows(
  sql: Sql,
  items: readonly { wish: Wish; convergedOn: string | null; leaseMs: number | null }[],
): Promise<Row[]> {
  if (items.length === 0) return [];
  const of = <T>(value: (wish: Wish) => T) => items.map(({ wish }) => value(wish));
  const asked = <T>(value: (request: Wish['checked']['request']) => T) =>
    of(({ checked }) => value(checked.request));
  const { rows } = await sql.query<Row>({
    name: 'payment_insert',
    types: HEX_BYTES,
    text: `
      WITH made AS (
        INSERT INTO payment (tenant_id, merchant_id, status, endpoint, idempotency_key, fingerprint, authorization_id,
          converged_on, chain_id, asset, token, payer, pay_to, amount, valid_after, valid_before, nonce, signature,
          wait_until, commit_at, risk_tier, correlation_id, lane_id, method, facilitator, priced_endpoint,
          leased_until)
        SELECT tenant_id, merchant_id, 'AUTH_SIGNED', endpoint, CASE WHEN converged_on IS NULL THEN idempotency_key END,
          fingerprint, authorization_id, converged_on, chain_id, asset, token, payer, pay_to, amount, valid_after,
          valid_before, nonce, signature, wait_until, commit_at, risk_tier, correlation_id, lane_id, method, facilitator,
          priced_endpoint, now() + lease_ms * interval '1 millisecond'
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::uuid[], $8::bigint[],
          $9::text[], $10::bytea[], $11::bytea[], $12::bytea[], $13::numeric[], $14::numeric[], $15::numeric[],
          $16::bytea[], $17::bytea[], $18::text[], $19::text[], $20::text[], $21::text[], $22::int[], $23::text[],
          $24::uuid[], $25::float8[], $26::bytea[]) AS u(tenant_id, merchant_id, endpoint, idempotency_key, fingerprint, authorization_id, converged_on, chain_id,
            asset, token, payer, pay_to, amount, valid_after, valid_before, nonce, signature, wait_until, commit_at,
            risk_tier, correlation_id, lane_id, method, priced_endpoint, lease_ms, facilitator)
        ON CONFLICT DO NOTHING
        RETURNING payment_id, tenant_id, merchant_id, status, fingerprint, authorization_id, converged_on, correlation_id,
          token, pay_to, valid_after, valid_before, amount, method, priced_endpoint
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
        SELECT tenant_id, 'payment', 'AUTH_SIGNED', count(*), array_agg(payment_id), array_agg(correlation_id)
        FROM made GROUP BY tenant_id
      )
      SELECT payment_id AS id, authorization_id AS "authorizationId", merchant_id AS "merchantId",
        converged_on AS "convergedOn", status, false AS "isDecided", fingerprint, false AS leased, true AS "isNew",
        token, pay_to AS "payTo", valid_after AS "validAfter", valid_before AS "validBefore", amount,
        NULL::numeric AS charged, method IS NOT DISTINCT FROM 'upto' AS "isUpto", priced_endpoint IS NOT NULL AS "isPriced" FROM made`,
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
      items.map(({ leaseMs }) => leaseMs),
      asked(({ signed: { ceiling } }) => ceiling && fromHex(ceiling.facilitator)),
    ],
  });
  return rows;
}

/** Its scope was judged, so there is one. */
function tierFor({ asset, checked }: Wish) {
  return tierOf({ asset, amount: checked.request.signed.amount })!;
}

/** What one identifier stands for: everything but what a payer signs anew each time. */
export function fingerprintOf({ checked: { request } }: Pick<Wish, 'checked'>): string {
  const { chainId, asked, signed, endpoint } = request;
  const amount = signed.amount.toString();
  return keyHash(
    signed.method === 'upto' ? 'upto' : 'exact',
    String(chainId),
    asked.token,
    amount,
    asked.payTo,
    signed.payer,
    endpoint,
  );
}
