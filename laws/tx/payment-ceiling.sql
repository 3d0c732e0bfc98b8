-- tx/payment-ceiling
-- Of a payment whose payer signed for the most that may be charged no more is taken, by the one wallet that it was signed for.
-- asks: main
WITH signed AS (
  SELECT t.*, substr(t.payer_authorization, 162, 20) AS facilitator,
    (SELECT sum(get_byte(t.payer_authorization, 148 - n) * trunc(256::numeric ^ n)) FROM generate_series(0, 31) n) AS most
  FROM tx t WHERE t.owner_kind = 'payment' AND get_byte(t.payer_authorization, 0) = 3 AND t.owner_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'payment ' || p.payment_id AS subject, concat_ws(' ', t.amount, 'of', t.most, 'for 0x' || encode(t.facilitator, 'hex'), 'by 0x' || encode(coalesce(s.from_address, l.address), 'hex')) AS found,
  concat_ws(' ', 'at most', p.amount, 'by 0x' || encode(p.facilitator, 'hex')) AS expected
FROM payment p JOIN signed t ON t.owner_id = p.payment_id LEFT JOIN lane l ON l.lane_id = t.from_lane LEFT JOIN nonce_slot s ON s.tx_id = t.tx_id
WHERE t.amount > p.amount OR t.most <> p.amount OR t.facilitator IS DISTINCT FROM p.facilitator
  OR l.address IS DISTINCT FROM p.facilitator OR s.from_address <> p.facilitator
