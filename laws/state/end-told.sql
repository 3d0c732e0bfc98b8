-- state/end-told
-- A withdrawal that was paid says when, one that ended unpaid says why, and no other says either.
-- asks: main
SELECT 'withdrawal ' || withdrawal_id AS subject,
  concat_ws(', ', status, 'completed ' || completed_at, 'failure ' || failure_code) AS found,
  CASE WHEN status IN ('COMPLETED', 'REVERSED', 'RESETTLED') THEN 'a time of completion'
    WHEN status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED') THEN 'a failure code' ELSE 'neither' END AS expected
FROM withdrawal
WHERE withdrawal_id >= ($1::jsonb ->> 'since')::uuid
  AND ((completed_at IS NOT NULL) <> (status IN ('COMPLETED', 'REVERSED', 'RESETTLED'))
    OR (failure_code IS NOT NULL) <> (status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED')))
