-- tx/stopped-is-unsigned
-- What ended CANCELLED or EXPIRED was never claimed to be signed, or its nonce was closed for good by its filler.
-- asks: main
SELECT 'withdrawal ' || w.withdrawal_id AS subject, w.status || ', request ' || r.signature_request_id || ' claimed by ' || coalesce(r.claimed_by, 'nobody') AS found,
  'no claimed effect' AS expected
FROM withdrawal w JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id
JOIN signature_request r ON r.tx_id = t.tx_id AND r.kind = 'effect'
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND w.status IN ('CANCELLED', 'EXPIRED')
  AND (w.cancel_requested_at IS NULL OR t.status <> 'CANCELLED') AND (r.claimed_at IS NOT NULL OR r.cancelled_at IS NULL)
