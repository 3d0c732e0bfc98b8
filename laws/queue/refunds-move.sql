-- queue/refunds-move
-- Every refund that has not ended has the job that pays it, or the one that is to end it.
-- asks: main
SELECT 'refund ' || r.refund_id AS subject, 'PENDING without a job' AS found, 'a job payout.ordered or refund.ended' AS expected
FROM refund r WHERE r.refund_id >= ($1::jsonb ->> 'since')::uuid AND r.status = 'PENDING'
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.subject_id = r.refund_id AND j.topic IN ('payout.ordered', 'refund.ended'))
