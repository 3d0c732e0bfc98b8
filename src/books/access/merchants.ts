import type { Offer } from '../../base/config/index.ts';
import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import { type Address, fromHex, type Refusal, refuse } from '../../base/kernel/index.ts';
import { auditBinding, auditMerchant, auditRetired } from './audit/audit-merchant.ts';

/** A party inside a tenant that hands in payments. */
export type Merchant = {
  merchantId: string;
  tenantId: string;
  name: string;
  /** Where its payments may go. */
  payTo: Address[];
  /** By CAIP-19; base units of one payment at most, null: what the asset's tiers allow. */
  assets: { asset: string; maxAmount: bigint | null }[];
  /** What it sells by the configuration: the first price of that need not wait. */
  offers: Offer[];
  /** It gets a success as often as it asks, since it remembers what it has served. */
  replays: boolean;
  /**
   * Its payees that are wallets of this installation. What comes to a lane of its tenant's is owed to it; null: a lane
   * that can not take its payments, since it is another tenant's or not in the books yet.
   */
  wallets: { chainId: number; address: Address; laneId: number | null }[];
  /** Its tenant's wallets that pay gas. */
  lanes: { chainId: number; address: Address }[];
};

/** Out of service it takes no payments; what it had it keeps. */
export type KeyMerchant = Merchant & { inService: boolean };

type NewMerchant = Omit<Merchant, 'merchantId' | 'wallets' | 'lanes'>;

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The account that has what a merchant earned. */
export function merchantAccount({ name }: Pick<Merchant, 'name'>): string {
  return `merchant:${name}`;
}

type Row = Omit<Merchant, 'assets' | 'payTo'> & {
  payTo: string[];
  assets: { asset: string; maxAmount: string | null }[];
};

const COLUMNS = `m.merchant_id AS "merchantId", m.tenant_id AS "tenantId", m.name, m.replays, m.offers,
    ARRAY(SELECT '0x' || encode(p, 'hex') FROM unnest(m.pay_to) p) AS "payTo",
    (SELECT coalesce(json_agg(json_build_object('asset', a.asset, 'maxAmount', a.max_amount::text) ORDER BY a.asset), '[]')
     FROM merchant_asset a WHERE a.merchant_id = m.merchant_id) AS assets,
    (SELECT coalesce(json_agg(json_build_object('chainId', l.chain_id, 'address', '0x' || encode(l.address, 'hex'),
       'laneId', CASE WHEN l.tenant_id = m.tenant_id AND s.lane_id IS NOT NULL THEN l.lane_id END) ORDER BY l.lane_id), '[]')
     FROM lane l LEFT JOIN lane_stretch s ON s.lane_id = l.lane_id AND s.above_block IS NULL
     WHERE l.address = ANY(m.pay_to)) AS wallets,
    (SELECT coalesce(json_agg(json_build_object('chainId', l.chain_id, 'address', '0x' || encode(l.address, 'hex')) ORDER BY l.lane_id), '[]')
     FROM lane l WHERE l.tenant_id = m.tenant_id AND l.purpose = 'pay') AS lanes`;
const MERCHANT = `SELECT ${COLUMNS} FROM merchant m`;

function merchantOf(row: Row): Merchant {
  return {
    ...row,
    payTo: row.payTo as Address[],
    assets: row.assets.map(({ asset, maxAmount }) => ({
      asset,
      maxAmount: maxAmount === null ? null : BigInt(maxAmount),
    })),
  };
}

/**
 * Makes a merchant, or brings the one of this name to these payees and assets; in the caller's transaction, so that a
 * crash leaves it as it was.
 */
export async function putMerchant(
  sql: Sql,
  wanted: NewMerchant,
): Promise<Omit<Merchant, 'wallets' | 'lanes'> | Refusal> {
  if (!NAME.test(wanted.name)) {
    return refuse('invalid_request', "A merchant's name has 1 to 63 characters of a-z 0-9 -.");
  }
  const { tenantId, name, replays } = wanted;
  const before = await findMerchantOf(sql, { tenantId, name });
  const { rows } = await sql.query<{ id: string }>(
    `INSERT INTO merchant (tenant_id, name, pay_to, replays, offers) VALUES ($1, $2, $3::bytea[], $4, $5)
     ON CONFLICT (tenant_id, name) DO UPDATE
       SET pay_to = excluded.pay_to, replays = excluded.replays, offers = excluded.offers, disabled_at = NULL
     RETURNING merchant_id AS id`,
    [tenantId, name, wanted.payTo.map(fromHex), replays, JSON.stringify(wanted.offers)],
  );
  const merchantId = rows[0]!.id;
  await sql.query('INSERT INTO account (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    wanted.tenantId,
    merchantAccount(wanted),
  ]);
  await sql.query('DELETE FROM merchant_asset WHERE merchant_id = $1', [merchantId]);
  await sql.query(
    `INSERT INTO merchant_asset (merchant_id, asset, max_amount)
     SELECT $1, asset, max_amount FROM unnest($2::text[], $3::numeric[]) AS u(asset, max_amount)`,
    [
      merchantId,
      wanted.assets.map(({ asset }) => asset),
      wanted.assets.map(({ maxAmount }) => maxAmount),
    ],
  );
  await auditMerchant(sql, { ...wanted, merchantId }, before);
  return { ...wanted, merchantId };
}

/**
 * Takes out of service what these tenants have beside `kept`; in the caller's transaction. What was reserved goes on; nothing
 * new is taken, until the merchant is put again.
 */
export async function retireMerchants(
  sql: Sql,
  { tenants, kept }: { tenants: readonly string[]; kept: readonly string[] },
): Promise<void> {
  const { rows } = await sql.query<Pick<Merchant, 'merchantId' | 'tenantId' | 'name'>>(
    `UPDATE merchant m SET disabled_at = now() FROM tenant t
     WHERE t.tenant_id = m.tenant_id AND t.name = ANY($1::text[]) AND m.disabled_at IS NULL AND m.merchant_id <> ALL($2::uuid[])
     RETURNING m.merchant_id AS "merchantId", m.tenant_id AS "tenantId", m.name`,
    [tenants, kept],
  );
  await auditRetired(sql, rows);
}

export async function findMerchant(
  sql: Sql,
  { tenant, name }: { tenant: string; name: string },
): Promise<Merchant | null> {
  const { rows } = await sql.query<Row>({
    types: HEX_BYTES,
    text: `${MERCHANT} JOIN tenant t USING (tenant_id)
      WHERE t.name = $1 AND m.name = $2 AND m.disabled_at IS NULL`,
    values: [tenant, name],
  });
  return rows.map(merchantOf)[0] ?? null;
}

export async function findMerchantOf(
  sql: Sql,
  { tenantId, name }: { tenantId: string; name: string },
): Promise<Merchant | null> {
  const { rows } = await sql.query<Row>({
    types: HEX_BYTES,
    text: `${MERCHANT} WHERE m.tenant_id = $1 AND m.name = $2 AND m.disabled_at IS NULL`,
    values: [tenantId, name],
  });
  return rows.map(merchantOf)[0] ?? null;
}

/**
 * For whom a key acts; null: for none, so that it is its tenant's own. One that acts for a merchant does so also when that is
 * taken out of service: it has no more rights for it.
 */
export async function merchantOfKey(sql: Sql, keyId: string): Promise<KeyMerchant | null> {
  const { rows } = await sql.query<Row & Pick<KeyMerchant, 'inService'>>({
    types: HEX_BYTES,
    text: `SELECT ${COLUMNS}, m.disabled_at IS NULL AS "inService"
      FROM merchant m JOIN merchant_key k USING (merchant_id) WHERE k.key_id = $1`,
    values: [keyId],
  });
  return rows.map((row) => ({ ...merchantOf(row), inService: row.inService }))[0] ?? null;
}

/** Lets a key of the same tenant act for a merchant, in the caller's transaction; one that acts for another already is left alone. */
export async function bindKey(sql: Sql, keyId: string, merchantId: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    `INSERT INTO merchant_key (key_id, merchant_id)
     SELECT k.key_id, m.merchant_id FROM api_key k JOIN merchant m USING (tenant_id)
     WHERE k.key_id = $1 AND m.merchant_id = $2 ON CONFLICT DO NOTHING`,
    [keyId, merchantId],
  );
  if (rowCount === 1) await auditBinding(sql, { keyId, merchantId });
  return rowCount === 1;
}
