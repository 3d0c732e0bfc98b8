import { Invariant, type Machine } from '../kernel/index.ts';
import type { Sql } from './pool.ts';

type Move<State extends string> = {
  id: string;
  from: State;
  to: State;
  /** What the event says beside the states. */
  data?: Record<string, unknown>;
};

/** Columns set in the same statement: name → its SQL type and one value per move, in order. */
type SetColumns = Record<string, { type: string; values: readonly unknown[] }>;

/**
 * The one writer of state. Moves rows that are in `from` to `to`, writes an event for each row moved (one
 * batch per tenant and move), and
 * returns the ids moved; a row that stands elsewhere is left alone, which is how a repeated step finds
 * nothing to do. One UPDATE for the batch. The database refuses a pair that the machine does not have.
 */
export async function advance<State extends string>(
  sql: Sql,
  machine: Machine<State>,
  moves: readonly Move<State>[],
  set: SetColumns = {},
): Promise<Set<string>> {
  if (moves.length === 0) return new Set();
  const columns = Object.entries(set);
  for (const [name, { values }] of columns) {
    if (values.length !== moves.length) {
      throw new Invariant(
        'internal',
        `advance ${machine.name}: ${name} has ${values.length} values for ${moves.length} moves`,
      );
    }
  }
  const extra = columns.map(([name, { type }], index) => ({
    name,
    param: `$${index + 6}::${type}[]`,
  }));
  const ownerColumns = machine.name === 'tx' ? 't.owner_id' : 'NULL::uuid';
  const result = await sql.query<{ id: string }>({
    // Prepared once per shape of call; the text holds names of this program only.
    name: `advance_${machine.name}_${columns.map(([name]) => name).join('_')}`.slice(0, 63),
    text: `
      WITH wanted AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[]${extra.map((c) => `, ${c.param}`).join('')})
          AS i(id, from_state, to_state, data${extra.map((c) => `, ${c.name}`).join('')})
      ), moved AS (
        UPDATE ${machine.table} t SET status = i.to_state, updated_at = now()${extra.map((c) => `, ${c.name} = i.${c.name}`).join('')}
        FROM wanted i
        WHERE t.${machine.idColumn} = i.id AND t.status = i.from_state
        RETURNING t.${machine.idColumn} AS id, t.tenant_id, ${ownerColumns} AS owner_id, t.correlation_id,
          i.from_state, i.to_state, i.data
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, from_state, to_state, size, subject_ids, owner_ids, correlation_ids, data)
        SELECT tenant_id, $5, from_state, to_state, count(*), array_agg(id),
          ${machine.name === 'tx' ? 'array_agg(owner_id)' : 'NULL'}, array_agg(correlation_id),
          CASE WHEN bool_or(data IS NOT NULL) THEN jsonb_agg(data) END
        FROM moved GROUP BY tenant_id, from_state, to_state
      )
      SELECT id FROM moved`,
    values: [
      moves.map((move) => move.id),
      moves.map((move) => move.from),
      moves.map((move) => move.to),
      moves.map((move) => (move.data === undefined ? null : JSON.stringify(move.data))),
      machine.name,
      ...columns.map(([, { values }]) => values),
    ],
  });
  return new Set(result.rows.map((row) => row.id));
}
