-- state/status-is-last
-- The status of a row that has a machine is the state that its events end in.
-- asks: main
WITH rows AS (
  SELECT 'withdrawal' AS type, withdrawal_id AS subject_id, status FROM withdrawal WHERE withdrawal_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'payment', payment_id, status FROM payment WHERE payment_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'tx', tx_id, status FROM tx WHERE tx_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'approval', request_id, status FROM approval_request WHERE request_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'policy_change', change_id, status FROM policy_change WHERE change_id >= ($1::jsonb ->> 'since')::uuid
  UNION ALL SELECT 'gateway_call', call_id, status FROM gateway_call WHERE call_id >= ($1::jsonb ->> 'since')::uuid
), passed AS (
  SELECT e.type, e.subject_id, s.state, sum(s.by) AS stays
  FROM event e CROSS JOIN LATERAL (VALUES (e.to_state, 1), (e.from_state, -1)) AS s(state, by)
  WHERE e.to_state IS NOT NULL AND s.state IS NOT NULL AND e.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1, 2, 3
), ends AS (
  SELECT type, subject_id, string_agg(state, ', ' ORDER BY state) AS last FROM passed WHERE stays > 0 GROUP BY 1, 2
)
SELECT type || ' ' || subject_id AS subject, r.status AS found, e.last AS expected
FROM rows r FULL JOIN ends e USING (type, subject_id)
WHERE r.status IS DISTINCT FROM e.last
