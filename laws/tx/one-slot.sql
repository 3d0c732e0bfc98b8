-- tx/one-slot
-- A tx has one slot if and only if it is past CREATED; only one cancelled before has none.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject, t.status || ' with ' || coalesce(s.slots, 0) || ' slots' AS found,
  CASE t.status WHEN 'CREATED' THEN 'no slot' WHEN 'CANCELLED' THEN 'one slot or none' ELSE 'one slot' END AS expected
FROM tx t LEFT JOIN (SELECT tx_id, count(*) AS slots FROM nonce_slot GROUP BY tx_id) s USING (tx_id)
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND NOT CASE t.status
  WHEN 'CREATED' THEN s.slots IS NULL WHEN 'CANCELLED' THEN coalesce(s.slots, 0) <= 1 ELSE coalesce(s.slots, 0) = 1 END
