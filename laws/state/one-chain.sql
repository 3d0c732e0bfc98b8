-- state/one-chain
-- The events of a subject are one chain: it starts once, and leaves a state only as often as it came there.
-- asks: main
-- Coming less going is one where the chain ends and none elsewhere, whatever states it passed twice: no clock is needed.
WITH passed AS (
  SELECT e.type, e.subject_id, s.state, sum(s.by) AS stays
  FROM event e CROSS JOIN LATERAL (VALUES (e.to_state, 1), (e.from_state, -1)) AS s(state, by)
  WHERE e.to_state IS NOT NULL AND e.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1, 2, 3
)
SELECT type || ' ' || subject_id AS subject,
  coalesce(-sum(stays) FILTER (WHERE state IS NULL), 0) || ' starts; ' || coalesce(string_agg(state || ' ' || stays, ', ' ORDER BY state)
    FILTER (WHERE state IS NOT NULL AND stays <> 0), 'no end') AS found, '1 starts; one state 1' AS expected
FROM passed GROUP BY type, subject_id
HAVING count(*) FILTER (WHERE state IS NULL AND stays = -1) <> 1 OR bool_or(state IS NOT NULL AND stays < 0)
