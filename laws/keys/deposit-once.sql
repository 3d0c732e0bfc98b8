-- keys/deposit-once
-- Every DEPOSIT has one reference and one idempotency key, and every reference one DEPOSIT.
-- asks: main
SELECT 'deposit ' || coalesce(t.subject_id, d.deposit_id) AS subject,
  coalesce(t.transfers, 0) || ' transfers, ' || coalesce(d.refs, 0) || ' references, ' || (k.resource_id IS NOT NULL)::int || ' keys' AS found,
  'one of each' AS expected
FROM (SELECT subject_id, count(*) AS transfers FROM transfer WHERE kind = 'DEPOSIT' AND subject_id >= ($1::jsonb ->> 'since')::uuid AND transfer_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1) t
FULL JOIN (SELECT deposit_id, count(*) AS refs FROM deposit_reference WHERE deposit_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1) d ON d.deposit_id = t.subject_id
LEFT JOIN (SELECT DISTINCT resource_id FROM idempotency_key) k ON k.resource_id = coalesce(t.subject_id, d.deposit_id)
WHERE t.transfers IS DISTINCT FROM 1 OR d.refs IS DISTINCT FROM 1 OR k.resource_id IS NULL
