-- ledger/reserve-made
-- A withdrawal has a reserve if and only if it was ever RESERVED.
-- asks: main
SELECT 'withdrawal ' || coalesce(e.subject_id, r.withdrawal_id) AS subject,
  CASE WHEN r.withdrawal_id IS NULL THEN 'RESERVED without a reserve' ELSE 'a reserve and never RESERVED' END AS found, 'one and the other' AS expected
FROM (SELECT DISTINCT subject_id FROM event WHERE type = 'withdrawal' AND to_state = 'RESERVED' AND subject_id >= ($1::jsonb ->> 'since')::uuid) e
FULL JOIN (SELECT withdrawal_id FROM reserve WHERE generation = 1 AND withdrawal_id >= ($1::jsonb ->> 'since')::uuid) r ON r.withdrawal_id = e.subject_id
WHERE e.subject_id IS NULL OR r.withdrawal_id IS NULL
