import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { AuthorizationMethod } from '../../../base/effect/index.ts';
import { type Address, fromHex } from '../../../base/kernel/index.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

/** What becomes of a payment whose upstream failed: it goes back, the same request tries again, or it is kept. */
export const ON_FAILURE = ['refund', 'retry', 'keep'] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** A price on a path of a merchant's API. Never changed: another one takes its place. */
export type PricedEndpoint = {
  id: string;
  tenantId: string;
  merchantId: string;
  merchant: string;
  method: Method;
  /** Below the merchant; `/*` at its end is everything below it. */
  path: string;
  asset: string;
  /** By which contract its payers authorize it. */
  transferMethod: AuthorizationMethod;
  price: bigint;
  payTo: Address;
  upstream: string;
  onFailure: OnFailure;
  timeoutMs: number;
  maxResponseBytes: number;
  description: string | null;
  createdAt: Date;
  removedAt: Date | null;
};

export type NewEndpoint = Omit<PricedEndpoint, 'id' | 'merchant' | 'createdAt' | 'removedAt'>;

const SELECT = `SELECT e.endpoint_id AS id, e.tenant_id AS "tenantId", e.merchant_id AS "merchantId", m.name AS merchant,
    e.method, e.path, e.asset, e.transfer_method AS "transferMethod", e.price, e.pay_to AS "payTo", e.upstream, e.on_failure AS "onFailure",
    e.timeout_ms AS "timeoutMs", e.max_response_bytes AS "maxResponseBytes", e.description,
    e.created_at AS "createdAt", e.removed_at AS "removedAt"
  FROM priced_endpoint e JOIN merchant m USING (merchant_id)`;

/** Puts a price, in the place of one of the same method and path; in the caller's transaction. */
export async function putEndpoint(sql: Sql, wanted: NewEndpoint): Promise<PricedEndpoint> {
  const { merchantId, method, path } = wanted;
  // Two that put one price at a time, one after the other.
  await sql.query('SELECT 1 FROM merchant WHERE merchant_id = $1 FOR UPDATE', [merchantId]);
  await sql.query(
    `UPDATE priced_endpoint SET removed_at = now()
     WHERE merchant_id = $1 AND method = $2 AND path = $3 AND removed_at IS NULL`,
    [merchantId, method, path],
  );
  const { rows } = await sql.query<{ id: string }>(
    `INSERT INTO priced_endpoint (tenant_id, merchant_id, method, path, asset, price, pay_to, upstream, on_failure,
       timeout_ms, max_response_bytes, description, transfer_method)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING endpoint_id AS id`,
    [
      wanted.tenantId,
      merchantId,
      method,
      path,
      wanted.asset,
      wanted.price,
      fromHex(wanted.payTo),
      wanted.upstream,
      wanted.onFailure,
      wanted.timeoutMs,
      wanted.maxResponseBytes,
      wanted.description,
      wanted.transferMethod,
    ],
  );
  return (await readEndpoint(sql, rows[0]!.id))!;
}

export async function readEndpoint(sql: Sql, id: string): Promise<PricedEndpoint | null> {
  const { rows } = await sql.query<PricedEndpoint>({
    name: 'priced_endpoint_read',
    types: HEX_BYTES,
    text: `${SELECT} WHERE e.endpoint_id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Those in force, of a tenant or of one of its merchants. */
export async function listEndpoints(
  sql: Sql,
  { tenantId, merchantId }: { tenantId: string; merchantId: string | null },
): Promise<PricedEndpoint[]> {
  const { rows } = await sql.query<PricedEndpoint>({
    types: HEX_BYTES,
    text: `${SELECT} WHERE e.tenant_id = $1 AND ($2::uuid IS NULL OR e.merchant_id = $2) AND e.removed_at IS NULL
      ORDER BY m.name, e.path, e.method`,
    values: [tenantId, merchantId],
  });
  return rows;
}

/** Those of a merchant that is in service, by names: those in force, or the ones that were taken away, the last one first. */
export async function endpointsOf(
  sql: Sql,
  { tenant, merchant, removed }: { tenant: string; merchant: string; removed: boolean },
): Promise<PricedEndpoint[]> {
  const { rows } = await sql.query<PricedEndpoint>({
    name: 'priced_endpoint_of_merchant',
    types: HEX_BYTES,
    text: `${SELECT} JOIN tenant t ON t.tenant_id = e.tenant_id
      WHERE t.name = $1 AND m.name = $2 AND m.disabled_at IS NULL
        AND (e.removed_at IS NOT NULL) = $3 ORDER BY e.removed_at DESC`,
    values: [tenant, merchant, removed],
  });
  return rows;
}

/** False: there is none in force. */
export async function removeEndpoint(sql: Sql, id: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    'UPDATE priced_endpoint SET removed_at = now() WHERE endpoint_id = $1 AND removed_at IS NULL',
    [id],
  );
  return rowCount === 1;
}
