-- tx/attempt-ordered
-- Every attempt answers a signature request that was claimed and not cancelled, and is what was ordered.
-- asks: main
SELECT 'attempt ' || a.attempt_id AS subject,
  concat_ws(' ', a.kind, 'on slot', a.lane_id || ':' || a.nonce, 'ordinal', a.ordinal, 'of tx', a.tx_id, 'at most', a.max_fee_per_gas) AS found,
  CASE WHEN r.signature_request_id IS NULL THEN 'a request' WHEN r.claimed_at IS NULL THEN 'a claimed request'
    ELSE concat_ws(' ', r.kind, 'on slot', r.lane_id || ':' || r.nonce, 'ordinal', r.ordinal, 'of tx', r.tx_id, 'at most', r.max_fee_per_gas) END AS expected
FROM attempt a LEFT JOIN signature_request r ON r.signature_request_id = a.attempt_id
LEFT JOIN nonce_slot s ON s.lane_id = a.lane_id AND s.nonce = a.nonce
WHERE a.attempt_id >= ($1::jsonb ->> 'since')::uuid AND (r.signature_request_id IS NULL OR r.claimed_at IS NULL OR r.cancelled_at IS NOT NULL
  OR s.tx_id IS DISTINCT FROM a.tx_id OR (r.lane_id, r.nonce, r.ordinal, r.tx_id, r.kind) <> (a.lane_id, a.nonce, a.ordinal, a.tx_id, a.kind)
  OR (r.max_fee_per_gas, r.max_priority_fee_per_gas) <> (a.max_fee_per_gas, a.max_priority_fee_per_gas))
