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
 * The one writer of state. Moves rows that are in `from` to `to`, writes an event for each row moved (a
 * batch per tenant), and returns the ids moved; a row that stands elsewhere is left alone, which is how a
 * repeated step finds nothing to do. Ids are distinct. One UPDATE for each pair of states, of which a step
 * has one, rarely two. The database refuses a pair that the machine does not have.
 */
export async function advance<State extends string>(
  sql: Sql,
  machine: Machine<State>,
  moves: readonly Move<State>[],
  set: SetColumns = {},
): Promise<Set<string>> {
  for (const [name, { values }] of Object.entries(set)) {
    if (values.length !== moves.length) {
      throw new Invariant(
        'internal',
        `advance ${machine.name}: ${name} has ${values.length} values for ${moves.length} moves`,
      );
    }
  }
  const pairs = new Map<string, number[]>();
  moves.forEach(({ from, to }, index) => {
    const pair = pairs.get(`${from}>${to}`);
    if (pair === undefined) pairs.set(`${from}>${to}`, [index]);
    else pair.push(index);
  });
  const moved = new Set<string>();
  for (const places of pairs.values()) {
    const columns = Object.entries(set).map(([name, { type, values }]) => ({
      name,
      type,
      values: places.map((place) => values[place]),
    }));
    const group = places.map((place) => moves[place]!);
    for (const id of await movePair(sql, machine, group, columns)) moved.add(id);
  }
  return moved;
}

/**
 * Values that all moves share go as one; what differs is unnested beside the ids. The ids are named as a list in
 * either case: joined only, small tables were scanned as a whole for a batch (20 instead of 7 µs a row). Against arrays for everything,
 * states included, that takes a third of the statement's time.
 */
async function movePair<State extends string>(
  sql: Sql,
  machine: Machine<State>,
  moves: readonly Move<State>[],
  columns: readonly { name: string; type: string; values: readonly unknown[] }[],
): Promise<string[]> {
  const ids = moves.map((move) => move.id);
  const values: unknown[] = [ids, moves[0]!.from, moves[0]!.to, machine.name];
  const unnested: { name: string; param: string }[] = [];
  const assigned = columns.map(({ name, type, values: given }) => {
    const shared = given.every((value) => value === given[0]);
    values.push(shared ? given[0] : given);
    if (shared) return { name, value: `$${values.length}::${type}` };
    unnested.push({ name, param: `$${values.length}::${type}[]` });
    return { name, value: `i.${name}` };
  });
  let data: string | null = null;
  if (moves.some((move) => move.data !== undefined)) {
    values.push(JSON.stringify(moves.map((move) => move.data ?? null)));
    data = `$${values.length}::json`;
  }
  const text = statementOf(machine, assigned, unnested, data);
  const { rows } = await sql.query<{ ids: string[] | null }>({
    // Prepared once per shape of call; the text holds names of this program only.
    name: `advance_${machine.name}${data === null ? '' : '_data'}_${unnested.map(({ name }) => name).join('_')}_${assigned.map(({ name }) => name).join('_')}`.slice(
      0,
      63,
    ),
    text,
    values,
  });
  return rows[0]!.ids ?? ids;
}

/** Answers the ids moved, or null when that is all of them. */
function statementOf(
  machine: Machine<string>,
  assigned: readonly { name: string; value: string }[],
  unnested: readonly { name: string; param: string }[],
  data: string | null,
): string {
  const beside = unnested.length > 0 || data !== null;
  const owner = machine.owned === true;
  const from = `FROM unnest($1::uuid[]${unnested.map(({ param }) => `, ${param}`).join('')})
        WITH ORDINALITY AS i(id${unnested.map(({ name }) => `, ${name}`).join('')}, n)`;
  // As a list beside the ids: in their order, and without those of rows that did not move.
  const each = data === null ? '' : ' ORDER BY n';
  const told = `CASE WHEN count(*) = cardinality($1::uuid[]) THEN ${data} ELSE (
          SELECT json_agg(d.data ORDER BY d.n) FROM json_array_elements(${data}) WITH ORDINALITY AS d(data, n)
          WHERE d.n = ANY(array_agg(moved.n))) END`;
  return `
    WITH moved AS (
      UPDATE ${machine.table} t SET status = $3, updated_at = now()${assigned.map((c) => `, ${c.name} = ${c.value}`).join('')}
      ${beside ? from : ''}
      WHERE ${beside ? `t.${machine.idColumn} = i.id AND ` : ''}t.${machine.idColumn} = ANY($1::uuid[]) AND t.status = $2
      RETURNING t.${machine.idColumn} AS id, t.tenant_id, t.correlation_id${owner ? ', t.owner_id' : ''}${data === null ? '' : ', i.n'}
    ), logged AS (
      INSERT INTO event_batch (tenant_id, type, from_state, to_state, size, subject_ids, correlation_ids, owner_ids, data)
      SELECT tenant_id, $4, $2, $3, count(*), array_agg(id${each}), array_agg(correlation_id${each}),
        ${owner ? `array_agg(owner_id${each})` : 'NULL'}, ${data === null ? 'NULL' : told}
      FROM moved GROUP BY tenant_id
    )
    SELECT CASE WHEN count(*) < cardinality($1::uuid[]) THEN coalesce(array_agg(id), '{}') END AS ids FROM moved`;
}
