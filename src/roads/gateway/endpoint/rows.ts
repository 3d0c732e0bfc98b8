import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { AuthorizationMethod } from '../../../base/effect/index.ts';
import type { Address, HttpMethod } from '../../../base/kernel/index.ts';

/** What becomes of a payment whose upstream failed: it goes back, the same request tries again, or it is kept. */
export const ON_FAILURE = ['refund', 'retry', 'keep'] as const;
/** Of one that is charged by the answer: nothing is charged. */
export const ON_FAILURE_UPTO = ['release'] as const;
export type OnFailure = (typeof ON_FAILURE | typeof ON_FAILURE_UPTO)[number];

export const WITHOUT_USAGE = ['nothing', 'most'] as const;

/** How an answer tells what it costs. */
export type Usage = {
  /** Its header that counts what was used, in lower case. */
  header: string;
  /** What so many units cost. */
  unitPrice: bigint;
  unitSize: bigint;
  /** What is charged where it tells nothing that can be read. */
  without: (typeof WITHOUT_USAGE)[number];
};

/** A price on a path of a merchant's API. Never changed: another one takes its place. */
export type PricedEndpoint = {
  id: string;
  /** Of the first price of its path, by which the endpoint is known whatever it costs. */
  firstId: string;
  tenantId: string;
  merchantId: string;
  merchant: string;
  method: HttpMethod;
  /** Below the merchant; `/*` at its end is everything below it. */
  path: string;
  asset: string;
  /** By which contract its payers authorize it. */
  transferMethod: AuthorizationMethod;
  /** What a request costs; with usage the most that it may come to. */
  price: bigint;
  /** Null: the price is what it costs. */
  usage: Usage | null;
  payTo: Address;
  upstream: string;
  onFailure: OnFailure;
  timeoutMs: number;
  maxResponseBytes: number;
  description: string | null;
  effectiveAt: Date;
  /** Until when it is in force; may lie ahead. */
  removedAt: Date | null;
  /** By the database's clock when it was read. */
  inForce: boolean;
};

export type NewEndpoint = Omit<
  PricedEndpoint,
  'id' | 'firstId' | 'merchant' | 'effectiveAt' | 'removedAt' | 'inForce'
>;

/** In force or waiting at a time; one that was stopped while it waited never stands. */
const standing = (moment: string) =>
  `(e.removed_at IS NULL OR e.removed_at > greatest(e.effective_at, ${moment}))`;

const select = (
  at: string,
) => `SELECT e.endpoint_id AS id, coalesce(e.first_id, e.endpoint_id) AS "firstId", e.tenant_id AS "tenantId",
    e.merchant_id AS "merchantId", m.name AS merchant, e.method, e.path, e.asset, e.transfer_method AS "transferMethod", e.price,
    e.pay_to AS "payTo", e.upstream, e.on_failure AS "onFailure", e.timeout_ms AS "timeoutMs",
    e.max_response_bytes AS "maxResponseBytes", e.description, e.effective_at AS "effectiveAt", e.removed_at AS "removedAt",
    e.effective_at <= ${at} AND ${standing(at)} AS "inForce", e.usage_header, e.unit_price, e.unit_size, e.without_usage
  FROM priced_endpoint e JOIN merchant m USING (merchant_id)`;

type Raw = Omit<PricedEndpoint, 'usage'> & {
  usage_header: string | null;
  unit_price: bigint;
  unit_size: bigint;
  without_usage: Usage['without'];
};

function fromRaw(row: Raw): PricedEndpoint {
  const { usage_header: header, unit_price, unit_size, without_usage, ...endpoint } = row;
  if (header === null) return { ...endpoint, usage: null };
  const usage = { header, unitPrice: unit_price, unitSize: unit_size, without: without_usage };
  return { ...endpoint, usage };
}

export async function readEndpoint(sql: Sql, id: string): Promise<PricedEndpoint | null> {
  const { rows } = await sql.query<Raw>({
    name: 'priced_endpoint_read',
    types: HEX_BYTES,
    text: `${select('statement_timestamp()')} WHERE e.endpoint_id = $1`,
    values: [id],
  });
  return rows.map(fromRaw)[0] ?? null;
}

/** Those of a tenant or of one of its merchants that are in force or wait, at a time or now. */
export async function standingEndpoints(
  sql: Sql,
  of: { tenantId: string; merchantId: string | null; firstId?: string; at?: string },
): Promise<PricedEndpoint[]> {
  const when = 'coalesce($4::timestamptz, statement_timestamp())';
  const { rows } = await sql.query<Raw>({
    types: HEX_BYTES,
    text: `${select(when)} WHERE e.tenant_id = $1 AND ($2::uuid IS NULL OR e.merchant_id = $2)
        AND ($3::uuid IS NULL OR coalesce(e.first_id, e.endpoint_id) = $3) AND ${standing(when)}
      ORDER BY m.name, e.path, e.method, e.effective_at`,
    values: [of.tenantId, of.merchantId, of.firstId ?? null, of.at ?? null],
  });
  return rows.map(fromRaw);
}

/** What a merchant has ever sold, or sells; what only waited was never sold. */
export async function soldPaths(
  sql: Sql,
  { merchantId, now }: { merchantId: string; now: string },
): Promise<Pick<PricedEndpoint, 'method' | 'path'>[]> {
  const { rows } = await sql.query<Pick<PricedEndpoint, 'method' | 'path'>>(
    `SELECT DISTINCT method, path FROM priced_endpoint
     WHERE merchant_id = $1 AND effective_at <= $2::timestamptz AND removed_at IS DISTINCT FROM effective_at`,
    [merchantId, now],
  );
  return rows;
}

/** Those of a merchant that is in service, by names: those in force, or the ones that were and are not, the last one first. */
export async function endpointsOf(
  sql: Sql,
  { tenant, merchant, inForce }: { tenant: string; merchant: string; inForce: boolean },
): Promise<PricedEndpoint[]> {
  const now = 'statement_timestamp()';
  const { rows } = await sql.query<Raw>({
    name: 'priced_endpoint_of_merchant',
    types: HEX_BYTES,
    text: `${select(now)} JOIN tenant t ON t.tenant_id = e.tenant_id
      WHERE t.name = $1 AND m.name = $2 AND m.disabled_at IS NULL AND e.effective_at <= ${now}
        AND e.removed_at IS DISTINCT FROM e.effective_at AND ${standing(now)} = $3 ORDER BY e.removed_at DESC`,
    values: [tenant, merchant, inForce],
  });
  return rows.map(fromRaw);
}
