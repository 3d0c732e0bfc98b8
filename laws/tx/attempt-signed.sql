-- tx/attempt-signed
-- An attempt has the hash of the signed bytes that were taken in for it, and bytes taken in have their attempt.
-- asks: main
SELECT 'request ' || coalesce(a.attempt_id, g.signature_request_id) AS subject,
  CASE WHEN a.attempt_id IS NULL THEN 'bytes and no attempt' ELSE 'attempt 0x' || encode(a.tx_hash, 'hex') END AS found,
  CASE WHEN g.signature_request_id IS NULL THEN 'its signed bytes' ELSE 'bytes 0x' || encode(g.tx_hash, 'hex') END AS expected
FROM (SELECT * FROM attempt WHERE attempt_id >= ($1::jsonb ->> 'since')::uuid) a
FULL JOIN (SELECT * FROM signature WHERE collected_at IS NOT NULL AND raw IS NOT NULL AND signature_request_id >= ($1::jsonb ->> 'since')::uuid) g
  ON g.signature_request_id = a.attempt_id
WHERE a.tx_hash IS DISTINCT FROM g.tx_hash
