-- state/status-is-last
-- The status of a withdrawal or tx is the state that its last event reached.
-- asks: main
WITH rows AS (
  SELECT 'withdrawal' AS type, withdrawal_id AS subject_id, status FROM withdrawal WHERE withdrawal_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'tx', tx_id, status FROM tx WHERE tx_id >= ($1::jsonb ->> 'since')::uuid
), ends AS (
  SELECT e.type, e.subject_id, string_agg(DISTINCT e.to_state, ', ') AS last
  FROM event e
  WHERE e.to_state IS NOT NULL AND e.subject_id >= ($1::jsonb ->> 'since')::uuid AND NOT EXISTS (
    SELECT 1 FROM event n WHERE n.type = e.type AND n.subject_id = e.subject_id AND n.from_state = e.to_state)
  GROUP BY 1, 2
)
SELECT type || ' ' || subject_id AS subject, r.status AS found, e.last AS expected
FROM rows r FULL JOIN ends e USING (type, subject_id)
WHERE r.status IS DISTINCT FROM e.last
