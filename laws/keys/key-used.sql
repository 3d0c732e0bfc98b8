-- keys/key-used
-- Every idempotency key names a withdrawal, a deposit, a speed-up or a refund that exists, and none names one of another key.
-- asks: main
SELECT 'key ' || k.key_hash AS subject, 'resource ' || k.resource_id || CASE WHEN k.others > 1 THEN ' of several keys' ELSE ', unknown' END AS found,
  'a withdrawal, deposit, speed-up or refund of its own' AS expected
FROM (SELECT *, count(*) OVER (PARTITION BY resource_id) AS others FROM idempotency_key WHERE resource_id >= ($1::jsonb ->> 'since')::uuid) k
LEFT JOIN withdrawal w ON w.withdrawal_id = k.resource_id
LEFT JOIN deposit_reference d ON d.deposit_id = k.resource_id
LEFT JOIN speed_up u ON u.speed_up_id = k.resource_id
LEFT JOIN refund r ON r.refund_id = k.resource_id
WHERE k.others > 1 OR (w.withdrawal_id IS NULL AND d.deposit_id IS NULL AND u.speed_up_id IS NULL AND r.refund_id IS NULL)
