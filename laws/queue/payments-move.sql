-- queue/payments-move
-- Every payment under way has what takes it on: a transaction that has not ended, a block that is to become final, or a job.
-- asks: main
SELECT 'payment ' || p.payment_id AS subject, p.status || CASE WHEN t.tx_id IS NULL THEN ' without a tx' ELSE ' with tx ' || t.status END AS found, 'what takes it on' AS expected
FROM payment p LEFT JOIN tx t ON t.owner_kind = 'payment' AND t.owner_id = p.payment_id
WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid AND p.status IN ('RESERVED', 'BROADCASTED', 'INCLUDED', 'FINALIZED', 'LEDGER_COMMITTED', 'REVERSED')
  AND coalesce(t.status NOT IN ('CREATED', 'SLOTTED', 'SIGNED', 'BROADCASTED', 'INCLUDED'), true)
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.subject_id = p.payment_id AND j.topic LIKE 'payment.%' AND j.topic <> 'payment.expire')
