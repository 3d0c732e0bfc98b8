-- state/one-chain
-- The events of a subject are one chain: it starts once, leaves a state once, and leaves only where it came.
-- asks: main
-- No state is entered twice by a declared move, so the chain needs no clock.
WITH moves AS (
  SELECT type, subject_id, count(*) FILTER (WHERE from_state IS NULL) AS starts, count(*) AS moves,
    count(DISTINCT from_state) AS left_states, count(DISTINCT to_state) AS reached,
    array_agg(from_state) FILTER (WHERE from_state IS NOT NULL) AS lefts, array_agg(to_state) AS tos
  FROM event WHERE to_state IS NOT NULL AND subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1, 2
)
SELECT type || ' ' || subject_id AS subject,
  starts || ' starts, left ' || coalesce(lefts::text, 'none') || ', reached ' || tos::text AS found, 'one chain' AS expected
FROM moves
WHERE starts <> 1 OR left_states <> moves - 1 OR reached <> moves OR NOT coalesce(lefts, '{}') <@ tos
