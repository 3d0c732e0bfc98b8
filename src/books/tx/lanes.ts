import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, toHex } from '../../base/kernel/index.ts';

/** A treasury lane pays no withdrawals: it fills the others and receives what they have too much. */
type LanePurpose = 'pay' | 'treasury';

export type LaneRow = {
  laneId: number;
  tenantId: string;
  chainId: number;
  address: Address;
  purpose: LanePurpose;
  nextNonce: bigint;
  /** Nonces below are consumed on the canonical chain; the difference to nextNonce is in flight. */
  minedNonce: bigint;
  /** Nonces below are final, as far as inclusions of ours were seen to become so. */
  finalNonce: bigint;
  /** The block that minedNonce is of. */
  atBlock: number;
  epoch: bigint;
  leaseOwner: string | null;
  /** A code; null: it gives slots. */
  pausedReason: string | null;
  pausedAt: Date | null;
  /** Who paused it and what they said, where a person did. */
  pausedBy: string | null;
  pausedNote: string | null;
};

type Raw = Omit<LaneRow, 'address' | 'chainId' | 'atBlock'> & {
  address: Buffer;
  chainId: bigint;
  atBlock: bigint;
};

const SELECT = `
  SELECT l.lane_id AS "laneId", l.tenant_id AS "tenantId", l.chain_id AS "chainId", l.address, l.purpose,
    l.next_nonce AS "nextNonce", p.mined_nonce AS "minedNonce", p.final_nonce AS "finalNonce", p.at_block AS "atBlock", l.epoch, l.lease_owner AS "leaseOwner",
    l.paused_reason AS "pausedReason", l.paused_at AS "pausedAt", l.paused_by AS "pausedBy", l.paused_note AS "pausedNote"
  FROM lane l JOIN lane_progress p USING (lane_id)`;

const fromRaw = (row: Raw): LaneRow => ({
  ...row,
  chainId: Number(row.chainId),
  atBlock: Number(row.atBlock),
  address: toHex(row.address),
});

/** All lanes, or those of one chain. */
export async function readLanes(sql: Sql, chainId: number | null = null): Promise<LaneRow[]> {
  const { rows } = await sql.query<Raw>({
    name: 'lane_read',
    text: `${SELECT} WHERE $1::bigint IS NULL OR l.chain_id = $1 ORDER BY l.lane_id`,
    values: [chainId],
  });
  return rows.map(fromRaw);
}

/** Registers a hot wallet at the nonce that the chain shows, paused; one that is registered is left alone. */
export async function registerLane(
  sql: Sql,
  lane: {
    tenantId: string;
    chainId: number;
    address: Address;
    purpose: LanePurpose;
    firstNonce: bigint;
    atBlock: number;
  },
  pausedReason: PauseReason,
): Promise<void> {
  await sql.query(
    `WITH made AS (
       INSERT INTO lane (tenant_id, chain_id, address, purpose, first_nonce, next_nonce, paused_reason, paused_at)
       VALUES ($1, $2, $3, $7, $4, $4, $5, now())
       ON CONFLICT (chain_id, address) DO NOTHING RETURNING lane_id
     )
     INSERT INTO lane_progress (lane_id, mined_nonce, at_block) SELECT lane_id, $4, $6 FROM made`,
    [
      lane.tenantId,
      lane.chainId,
      fromHex(lane.address),
      lane.firstNonce,
      pausedReason,
      lane.atBlock,
      lane.purpose,
    ],
  );
}

/**
 * Takes or renews lane leases for `owner`. A lease that changes hands raises the epoch, which the
 * allocation and the signer check: whoever slept past its lease has no power left. Returns epochs held.
 */
export async function leaseLanes(
  sql: Sql,
  owner: string,
  leaseMs: number,
): Promise<Map<number, bigint>> {
  const { rows } = await sql.query<{ lane_id: number; epoch: bigint }>({
    name: 'lane_lease',
    text: `
      UPDATE lane SET lease_owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond',
        epoch = CASE WHEN lease_owner = $1 AND lease_until > clock_timestamp() THEN epoch ELSE epoch + 1 END
      WHERE lane_id IN (SELECT lane_id FROM lane
        WHERE lease_owner IS NULL OR lease_owner = $1 OR lease_until <= clock_timestamp()
        ORDER BY lane_id FOR UPDATE SKIP LOCKED)
      RETURNING lane_id, epoch`,
    values: [owner, leaseMs],
  });
  return new Map(rows.map((row) => [row.lane_id, row.epoch]));
}

/** Gives leases back at a clean end, so that the next owner need not wait. */
export async function releaseLanes(sql: Sql, owner: string): Promise<void> {
  await sql.query('UPDATE lane SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1', [
    owner,
  ]);
}

/** Locks lanes (after accounts, before chain heads) whose lease and epoch still hold; absent: they do not. */
export async function lockLanes(
  sql: Sql,
  owner: string,
  epochs: ReadonlyMap<number, bigint>,
): Promise<Map<number, { nextNonce: bigint }>> {
  const { rows } = await sql.query<{ lane_id: number; next_nonce: bigint }>({
    name: 'lane_lock',
    text: `
      SELECT l.lane_id, l.next_nonce FROM lane l
      JOIN unnest($2::int[], $3::bigint[]) AS held(lane_id, epoch) USING (lane_id, epoch)
      WHERE l.lease_owner = $1 AND l.lease_until > clock_timestamp() AND l.paused_reason IS NULL
      ORDER BY l.lane_id FOR UPDATE OF l`,
    values: [owner, [...epochs.keys()], [...epochs.values()]],
  });
  return new Map(rows.map((row) => [row.lane_id, { nextNonce: row.next_nonce }]));
}

export async function advanceLanes(sql: Sql, next: ReadonlyMap<number, bigint>): Promise<void> {
  await sql.query({
    name: 'lane_advance',
    text: `UPDATE lane l SET next_nonce = n.next_nonce
      FROM unnest($1::int[], $2::bigint[]) AS n(lane_id, next_nonce) WHERE l.lane_id = n.lane_id`,
    values: [[...next.keys()], [...next.values()]],
  });
}

/**
 * Why a lane gives no slots. `adopting` and `foreign_nonce` end by adoption only; `funds` and `low_gas` by
 * themselves when the wallet has enough again; `operator` by a person.
 */
export type PauseReason = 'adopting' | 'foreign_nonce' | 'operator' | 'low_gas' | 'funds';

/** A weightier reason takes the place of a lighter one: what opens a lane for the lighter must not open it then. */
const WEIGHT: readonly PauseReason[] = [
  'funds',
  'low_gas',
  'operator',
  'foreign_nonce',
  'adopting',
];

type Pause = { reason: PauseReason; by?: string; note?: string };

/** Pauses lanes (no new slots) that are open or paused for a lighter reason; returns those. */
export async function pauseLanes(
  sql: Sql,
  laneIds: readonly number[],
  { reason, by, note }: Pause,
): Promise<LaneRow[]> {
  const lighter = WEIGHT.slice(0, WEIGHT.indexOf(reason));
  const { rows } = await sql.query<{ lane_id: number }>({
    name: 'lane_pause',
    text: `
      WITH wanted AS (
        SELECT lane_id FROM lane WHERE lane_id = ANY($1::int[])
          AND (paused_reason IS NULL OR paused_reason = ANY($5::text[])) ORDER BY lane_id FOR UPDATE
      )
      UPDATE lane l SET paused_reason = $2, paused_at = now(), paused_by = $3, paused_note = $4
      FROM wanted w WHERE l.lane_id = w.lane_id RETURNING l.lane_id`,
    values: [laneIds, reason, by ?? null, note ?? null, lighter],
  });
  const paused = new Set(rows.map((row) => row.lane_id));
  return paused.size === 0 ? [] : (await readLanes(sql)).filter((lane) => paused.has(lane.laneId));
}

/** Opens lanes that are paused for one of these reasons and no other; returns their ids. */
export async function resumeLanes(
  sql: Sql,
  laneIds: readonly number[],
  reasons: readonly PauseReason[],
): Promise<number[]> {
  const { rows } = await sql.query<{ lane_id: number }>({
    name: 'lane_resume',
    text: `UPDATE lane SET paused_reason = NULL, paused_at = NULL, paused_by = NULL, paused_note = NULL
      WHERE lane_id = ANY($1::int[]) AND paused_reason = ANY($2::text[]) RETURNING lane_id`,
    values: [laneIds, reasons],
  });
  return rows.map((row) => row.lane_id);
}
