import type { Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';

/**
 * effect_mismatch: mined, final, and not what was wanted; its withdrawal is parked with its reserve.
 * foreign_payment: a final transaction that is not ours used its nonce and seems to have paid it; its reserve waits.
 * paid_after_release: paid in the end, after its reserve was released on an end that was taken back.
 * final_taken_back: nonces of a lane were final and were taken back, so their gas was booked for another chain.
 */
export type BreakKind =
  | 'effect_mismatch'
  | 'foreign_payment'
  | 'paid_after_release'
  | 'final_taken_back';

type NewBreak = {
  tenantId: string;
  kind: BreakKind;
  chainId: number;
  laneId: number;
  /** The tx, or the lane as jobs name it. */
  subjectId: string;
  owner: { kind: string; id: string } | null;
  correlationId: string | null;
  detail: Record<string, unknown>;
};

export type Break = NewBreak & { id: string; openedAt: Date; resolvedAt: Date | null };

/** Opens breaks; one that was resolved and is found again is open again. */
export async function openBreaks(sql: Sql, found: readonly NewBreak[]): Promise<void> {
  if (found.length === 0) return;
  const { rows } = await sql.query<{
    id: string;
    tenant_id: string;
    kind: string;
    subject_id: string;
    correlation_id: string | null;
  }>({
    name: 'break_open',
    text: `
      INSERT INTO reconciliation_break (tenant_id, kind, chain_id, lane_id, subject_id, owner_kind, owner_id,
        correlation_id, detail)
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::int[], $5::uuid[], $6::text[], $7::uuid[],
        $8::text[], $9::jsonb[])
      ON CONFLICT (kind, subject_id) DO UPDATE
        SET detail = excluded.detail, opened_at = now(), resolved_at = NULL
      RETURNING break_id AS id, tenant_id, kind, subject_id, correlation_id`,
    values: [
      found.map((one) => one.tenantId),
      found.map((one) => one.kind),
      found.map((one) => one.chainId),
      found.map((one) => one.laneId),
      found.map((one) => one.subjectId),
      found.map((one) => one.owner?.kind ?? null),
      found.map((one) => one.owner?.id ?? null),
      found.map((one) => one.correlationId),
      found.map((one) => JSON.stringify(one.detail)),
    ],
  });
  await writeEvents(
    sql,
    rows.map((row) => ({
      tenantId: row.tenant_id,
      type: 'break.opened',
      subjectId: row.subject_id,
      ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
      data: { breakId: row.id, kind: row.kind },
    })),
  );
}

const SELECT = `
  SELECT break_id AS id, tenant_id AS "tenantId", kind, chain_id AS "chainId", lane_id AS "laneId",
    subject_id AS "subjectId", owner_kind AS "ownerKind", owner_id AS "ownerId",
    correlation_id AS "correlationId", detail, opened_at AS "openedAt", resolved_at AS "resolvedAt"
  FROM reconciliation_break`;

type Raw = Omit<Break, 'owner' | 'chainId'> & {
  chainId: bigint;
  ownerKind: string | null;
  ownerId: string | null;
};

const fromRaw = ({ ownerKind, ownerId, ...row }: Raw): Break => ({
  ...row,
  chainId: Number(row.chainId),
  owner: ownerKind === null || ownerId === null ? null : { kind: ownerKind, id: ownerId },
});

/** A tenant's breaks, newest first, below `before`; one alone by its id. */
export async function readBreaks(
  sql: Sql,
  query: {
    tenantId: string;
    id?: string;
    state?: 'open' | 'resolved';
    before?: string | null;
    limit: number;
  },
): Promise<Break[]> {
  const { rows } = await sql.query<Raw>(
    `${SELECT} WHERE tenant_id = $1 AND ($2::uuid IS NULL OR break_id = $2)
       AND ($3::text IS NULL OR (resolved_at IS NULL) = ($3 = 'open'))
       AND ($4::uuid IS NULL OR break_id < $4)
     ORDER BY break_id DESC LIMIT $5`,
    [query.tenantId, query.id ?? null, query.state ?? null, query.before ?? null, query.limit],
  );
  return rows.map(fromRaw);
}

/** The break as it is, locked until the transaction ends. Comes after accounts and heads. */
export async function lockBreak(sql: Sql, id: string): Promise<Break | null> {
  const { rows } = await sql.query<Raw>(`${SELECT} WHERE break_id = $1 FOR UPDATE`, [id]);
  return rows[0] === undefined ? null : fromRaw(rows[0]);
}

type BreakAction = {
  breakId: string;
  action: 'commit' | 'release' | 'reverse' | 'adjust';
  evidence: string;
  /** [asset, base units, movement], as whoever decided wrote it. */
  adjustments: readonly [string, string, 'left' | 'arrived'][];
  transferIds: readonly string[];
  proposedBy: string;
  confirmedBy: string;
  at: Date;
};

export async function insertAction(sql: Sql, done: Omit<BreakAction, 'at'>): Promise<void> {
  await sql.query(
    `INSERT INTO break_action (break_id, action, evidence, adjustments, transfer_ids, proposed_by, confirmed_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      done.breakId,
      done.action,
      done.evidence,
      JSON.stringify(done.adjustments),
      done.transferIds,
      done.proposedBy,
      done.confirmedBy,
    ],
  );
}

/** What was decided about breaks, in its order. */
export async function readActions(sql: Sql, breakIds: readonly string[]): Promise<BreakAction[]> {
  const { rows } = await sql.query<BreakAction>(
    `SELECT break_id AS "breakId", action, evidence, adjustments, transfer_ids AS "transferIds",
       proposed_by AS "proposedBy", confirmed_by AS "confirmedBy", at
     FROM break_action WHERE break_id = ANY($1::uuid[]) ORDER BY action_id`,
    [breakIds],
  );
  return rows;
}

/** Resolved, or open again. */
export async function setResolved(sql: Sql, id: string, resolved: boolean): Promise<void> {
  await sql.query(
    `UPDATE reconciliation_break SET resolved_at = CASE WHEN $2 THEN now() END,
       opened_at = CASE WHEN resolved_at IS NOT NULL AND NOT $2 THEN now() ELSE opened_at END WHERE break_id = $1`,
    [id, resolved],
  );
}
