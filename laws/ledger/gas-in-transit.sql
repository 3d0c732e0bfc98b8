-- ledger/gas-in-transit
-- What a lane has set aside for gas is the reserve of its slots behind its last stretch.
-- asks: main
WITH booked AS (
  SELECT owner, sum(balance) AS booked FROM ledger_account WHERE kind = 'gas_in_transit' GROUP BY owner
), ended AS (
  SELECT lane_id, max(to_nonce) AS nonce FROM lane_stretch GROUP BY 1
), open AS (
  SELECT s.lane_id::text AS owner, sum(s.gas_reserved) AS open FROM nonce_slot s LEFT JOIN ended e USING (lane_id)
  WHERE s.nonce >= coalesce(e.nonce, 0) GROUP BY 1
)
SELECT 'lane ' || owner AS subject, coalesce(booked, 0) AS found, coalesce(open, 0) AS expected
FROM booked FULL JOIN open USING (owner)
WHERE coalesce(booked, 0) <> coalesce(open, 0)
