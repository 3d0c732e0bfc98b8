import type { Machine } from '../kernel/index.ts';

/**
 * The SQL that makes the database refuse what a machine does not have: its rows, the CHECK of its
 * states, and two statement-level triggers over transition tables, so that a batch of 500 costs one
 * check. A generic plan cached for one row would scan row by row for a thousand: nested loops are off
 * inside the functions (measured: 6 instead of 60 ms per 1,000 rows).
 */
export function machineSql(machine: Machine): string {
  const { name, table, idColumn } = machine;
  const states = Object.keys(machine.moves);
  const initial = machine.initial.map((state) => `('${name}', '${state}')`);
  const moves = states.flatMap((from) =>
    (machine.moves[from] ?? []).map((to) => `('${name}', '${from}', '${to}')`),
  );
  return `-- ${name}
INSERT INTO state_initial (machine, state) VALUES
  ${initial.join(',\n  ')};
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ${moves.join(',\n  ')};
ALTER TABLE ${table} ADD CONSTRAINT ${table}_status CHECK (status IN (${states.map((state) => `'${state}'`).join(', ')}));

CREATE FUNCTION ${name}_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = '${name}' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '${name}: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ${name}_insert AFTER INSERT ON ${table} REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ${name}_insert_check();

CREATE FUNCTION ${name}_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.${idColumn} AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.${idColumn} = o.${idColumn}
    LEFT JOIN state_transition s
      ON s.machine = '${name}' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '${name} %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = '${name}_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ${name}_update AFTER UPDATE ON ${table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ${name}_update_check();
`;
}
