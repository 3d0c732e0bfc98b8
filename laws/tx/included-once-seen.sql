-- tx/included-once-seen
-- A tx has an inclusion if and only if it came to INCLUDED; one whose nonce was used by another may have had one.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject, t.status || CASE WHEN i.tx_id IS NULL THEN ' without an inclusion' ELSE ' with an inclusion' END AS found,
  'both or neither' AS expected
FROM tx t LEFT JOIN nonce_slot s USING (tx_id)
LEFT JOIN (SELECT DISTINCT a.tx_id FROM attempt a JOIN inclusion USING (attempt_id)) i USING (tx_id)
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND t.status <> 'REPLACED'
  AND (i.tx_id IS NOT NULL) <> (t.status IN ('INCLUDED', 'FINAL', 'REVERTED') OR (t.status = 'CANCELLED' AND s.tx_id IS NOT NULL))
