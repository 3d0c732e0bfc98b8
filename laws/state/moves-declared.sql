-- state/moves-declared
-- Every event of a machine is a start or a move that the machine declares.
-- asks: main
SELECT e.type || ' ' || e.subject_id AS subject, coalesce(e.from_state, 'the start') || ' to ' || e.to_state AS found, 'a declared move' AS expected
FROM event e
LEFT JOIN state_initial i ON i.machine = e.type AND i.state = e.to_state AND e.from_state IS NULL
LEFT JOIN state_transition t ON t.machine = e.type AND t.from_state = e.from_state AND t.to_state = e.to_state
WHERE e.to_state IS NOT NULL AND i.machine IS NULL AND t.machine IS NULL AND e.subject_id >= ($1::jsonb ->> 'since')::uuid
