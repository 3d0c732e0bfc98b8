import type { Sql } from '../../../base/db/index.ts';
import type { EarlierMove, Move } from './decide.ts';

export type MoveRow = {
  moveId: string;
  tenantId: string;
  kind: 'topup' | 'sweep';
  fromLane: number;
  toLane: number;
  asset: string;
  amount: bigint;
  generation: number;
  correlationId: string;
};

const COLUMNS = `move_id AS "moveId", tenant_id AS "tenantId", kind, from_lane AS "fromLane", to_lane AS "toLane", asset,
  amount, generation, correlation_id AS "correlationId"`;

/** Of the last 25 hours, and what is under way. */
export async function readEarlierMoves(sql: Sql): Promise<EarlierMove[]> {
  const { rows } = await sql.query<EarlierMove>({
    name: 'move_earlier',
    text: `SELECT kind, from_lane AS "fromLane", to_lane AS "toLane", asset, outcome,
        (extract(epoch FROM now() - created_at) * 1000)::float8 AS "ageMs"
      FROM treasury_move WHERE outcome IS NULL OR created_at > now() - interval '25 hours'`,
  });
  return rows;
}

/**
 * Writes moves under the next generation of their wallets and asset. Of one that is under way already nothing is
 * written: the unique open row is the permission. Returns those written.
 */
export async function insertMoves(
  sql: Sql,
  moves: readonly Move[],
  by: { requestedBy: string; correlationId: string },
): Promise<MoveRow[]> {
  const { rows } = await sql.query<MoveRow>({
    name: 'move_insert',
    text: `
      INSERT INTO treasury_move (tenant_id, kind, from_lane, to_lane, asset, amount, generation, requested_by, correlation_id)
      SELECT u.tenant_id, u.kind, u.from_lane, u.to_lane, u.asset, u.amount, (
          SELECT coalesce(max(m.generation), 0) + 1 FROM treasury_move m
          WHERE (m.kind, m.from_lane, m.to_lane, m.asset) = (u.kind, u.from_lane, u.to_lane, u.asset)), $7, $8
      FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::numeric[])
        AS u(tenant_id, kind, from_lane, to_lane, asset, amount)
      ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    values: [
      moves.map(({ from }) => from.tenantId),
      moves.map(({ kind }) => kind),
      moves.map(({ from }) => from.laneId),
      moves.map(({ to }) => to.laneId),
      moves.map(({ asset }) => asset),
      moves.map(({ amount }) => amount),
      by.requestedBy,
      by.correlationId,
    ],
  });
  return rows;
}

/** Those of these ids that are under way. */
export async function readOpenMoves(sql: Sql, moveIds: readonly string[]): Promise<MoveRow[]> {
  const { rows } = await sql.query<MoveRow>({
    name: 'move_read_open',
    text: `SELECT ${COLUMNS} FROM treasury_move WHERE move_id = ANY($1::uuid[]) AND outcome IS NULL`,
    values: [moveIds],
  });
  return rows;
}

/** Those of these ids that have ended. */
export async function readEndedMoves(
  sql: Sql,
  moveIds: readonly string[],
): Promise<(MoveRow & { outcome: 'arrived' | 'unpaid' })[]> {
  if (moveIds.length === 0) return [];
  const { rows } = await sql.query<MoveRow & { outcome: 'arrived' | 'unpaid' }>({
    name: 'move_read_ended',
    text: `SELECT ${COLUMNS}, outcome FROM treasury_move WHERE move_id = ANY($1::uuid[]) AND outcome IS NOT NULL`,
    values: [moveIds],
  });
  return rows;
}

/** How many moves to or from a lane are under way: until they end, its funds are told by two books. */
export async function countOpenMoves(sql: Sql, laneId: number): Promise<number> {
  const { rows } = await sql.query<{ moves: number }>({
    name: 'move_count_open',
    text: 'SELECT count(*)::int AS moves FROM treasury_move WHERE outcome IS NULL AND $1 IN (from_lane, to_lane)',
    values: [laneId],
  });
  return rows[0]!.moves;
}

/** Ends moves once; returns the ids ended now. */
export async function endMoves(
  sql: Sql,
  ends: readonly { moveId: string; outcome: 'arrived' | 'unpaid' }[],
): Promise<Set<string>> {
  const { rows } = await sql.query<{ move_id: string }>({
    name: 'move_end',
    text: `UPDATE treasury_move m SET outcome = u.outcome, ended_at = now()
      FROM unnest($1::uuid[], $2::text[]) AS u(move_id, outcome)
      WHERE m.move_id = u.move_id AND m.outcome IS NULL RETURNING m.move_id`,
    values: [ends.map(({ moveId }) => moveId), ends.map(({ outcome }) => outcome)],
  });
  return new Set(rows.map((row) => row.move_id));
}
