import type { Sql } from '../../base/db/index.ts';
import { type Address, toHex } from '../../base/kernel/index.ts';

/** What a freeze covers; the columns that are null cover everything. */
export type FreezeTarget =
  | { scope: 'global' }
  | { scope: 'chain'; chainId: number }
  | { scope: 'wallet'; laneId: number }
  /** By its CAIP-19 name. */
  | { scope: 'asset'; asset: string }
  | { scope: 'tenant'; tenantId: string };
export type FreezeScope = FreezeTarget['scope'];

export type Freeze = {
  id: string;
  scope: FreezeScope;
  tenantId: string | null;
  chainId: number | null;
  laneId: number | null;
  asset: string | null;
  /** Whose the wallet is, and where. */
  wallet: { tenantId: string; chainId: number; address: Address } | null;
  reason: string;
  frozenBy: string;
  /** The tenant as whose person it was placed; null: it is not known. */
  placedFor: string | null;
  at: Date;
  lift: { reason: string; proposedBy: string; confirmedBy: string; at: Date } | null;
};

type Raw = Omit<Freeze, 'chainId' | 'wallet' | 'lift'> & {
  chainId: bigint | null;
  walletTenantId: string | null;
  walletChainId: bigint | null;
  walletAddress: Buffer | null;
  liftReason: string | null;
  liftProposedBy: string | null;
  liftConfirmedBy: string | null;
  liftAt: Date | null;
};

const SELECT = `
  SELECT f.freeze_id AS id, f.scope, f.tenant_id AS "tenantId", f.chain_id AS "chainId", f.lane_id AS "laneId",
    f.asset, f.reason, f.frozen_by AS "frozenBy", f.at,
    coalesce(f.placed_for, (SELECT k.tenant_id FROM api_key k WHERE k.key_id = f.frozen_by)) AS "placedFor", w.tenant_id AS "walletTenantId",
    w.chain_id AS "walletChainId", w.address AS "walletAddress", l.reason AS "liftReason",
    l.proposed_by AS "liftProposedBy", l.confirmed_by AS "liftConfirmedBy", l.at AS "liftAt"
  FROM operator_freeze f LEFT JOIN lane w USING (lane_id) LEFT JOIN operator_freeze_lift l USING (freeze_id)`;

function fromRaw(row: Raw): Freeze {
  const { walletTenantId, walletChainId, walletAddress, ...rest } = row;
  const { liftReason, liftProposedBy, liftConfirmedBy, liftAt, chainId, ...freeze } = rest;
  return {
    ...freeze,
    chainId: chainId === null ? null : Number(chainId),
    wallet:
      walletTenantId === null
        ? null
        : {
            tenantId: walletTenantId,
            chainId: Number(walletChainId),
            address: toHex(walletAddress!),
          },
    lift:
      liftAt === null
        ? null
        : {
            reason: liftReason!,
            proposedBy: liftProposedBy!,
            confirmedBy: liftConfirmedBy!,
            at: liftAt,
          },
  };
}

/** Those that stand, oldest first. Few: one look for a whole batch. */
export async function readStandingFreezes(sql: Sql): Promise<Freeze[]> {
  const { rows } = await sql.query<Raw>({
    name: 'freeze_standing',
    text: `${SELECT} WHERE l.freeze_id IS NULL ORDER BY f.freeze_id`,
  });
  return rows.map(fromRaw);
}

/** What a tenant may know of: its own, and what covers everybody. Newest first. */
export async function readFreezes(
  sql: Sql,
  query: {
    tenantId: string;
    id?: string;
    standing?: boolean;
    limit: number;
    before?: string | null;
  },
): Promise<Freeze[]> {
  const { rows } = await sql.query<Raw>({
    name: 'freeze_list',
    text: `${SELECT}
      WHERE (f.tenant_id IS NULL OR f.tenant_id = $1) AND (f.lane_id IS NULL OR w.tenant_id = $1)
        AND ($2::uuid IS NULL OR f.freeze_id = $2) AND ($3::uuid IS NULL OR f.freeze_id < $3)
        AND ($4::boolean IS NULL OR (l.freeze_id IS NULL) = $4)
      ORDER BY f.freeze_id DESC LIMIT $5`,
    values: [
      query.tenantId,
      query.id ?? null,
      query.before ?? null,
      query.standing ?? null,
      query.limit,
    ],
  });
  return rows.map(fromRaw);
}

/** Returns its id, and whether it was placed now: the same words of the same person while they stand are one freeze. */
export async function insertFreeze(
  sql: Sql,
  target: FreezeTarget,
  { reason, by, tenantId }: { reason: string; by: string; tenantId: string },
): Promise<{ id: string; placed: boolean }> {
  const values = [
    target.scope,
    target.scope === 'tenant' ? target.tenantId : null,
    target.scope === 'chain' ? target.chainId : null,
    target.scope === 'wallet' ? target.laneId : null,
    target.scope === 'asset' ? target.asset : null,
    reason,
    by,
    tenantId,
  ];
  const { rows } = await sql.query<{ id: string; placed: boolean }>({
    name: 'freeze_insert',
    text: `
      WITH same AS (
        SELECT f.freeze_id FROM operator_freeze f
        WHERE f.scope = $1 AND f.tenant_id IS NOT DISTINCT FROM $2::uuid AND f.chain_id IS NOT DISTINCT FROM $3::bigint
          AND f.lane_id IS NOT DISTINCT FROM $4::int AND f.asset IS NOT DISTINCT FROM $5::text
          AND f.reason = $6 AND f.frozen_by = $7 AND f.placed_for = $8
          AND NOT EXISTS (SELECT FROM operator_freeze_lift l WHERE l.freeze_id = f.freeze_id)
        LIMIT 1
      ), made AS (
        INSERT INTO operator_freeze (scope, tenant_id, chain_id, lane_id, asset, reason, frozen_by, placed_for)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT FROM same) RETURNING freeze_id
      )
      SELECT freeze_id AS id, true AS placed FROM made UNION ALL SELECT freeze_id, false FROM same`,
    values,
  });
  return rows[0]!;
}

/** False where another lifted it meanwhile. */
export async function insertLift(
  sql: Sql,
  freezeId: string,
  lift: { reason: string; proposedBy: string; confirmedBy: string },
): Promise<boolean> {
  const { rowCount } = await sql.query({
    name: 'freeze_lift_insert',
    text: `INSERT INTO operator_freeze_lift (freeze_id, reason, proposed_by, confirmed_by) VALUES ($1, $2, $3, $4)
      ON CONFLICT DO NOTHING`,
    values: [freezeId, lift.reason, lift.proposedBy, lift.confirmedBy],
  });
  return rowCount === 1;
}
