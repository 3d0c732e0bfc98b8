-- ledger/gas-in-transit
-- What a lane has set aside for gas is the reserve of its slots whose gas is not booked.
-- asks: main
WITH booked AS (
  SELECT owner, sum(balance) AS booked FROM ledger_account WHERE kind = 'gas_in_transit' GROUP BY owner
), open AS (
  SELECT s.lane_id::text AS owner, sum(s.gas_reserved) AS open FROM nonce_slot s
  WHERE NOT EXISTS (SELECT 1 FROM slot_gas g WHERE g.lane_id = s.lane_id AND g.nonce = s.nonce) GROUP BY 1
)
SELECT 'lane ' || owner AS subject, coalesce(booked, 0) AS found, coalesce(open, 0) AS expected
FROM booked FULL JOIN open USING (owner)
WHERE coalesce(booked, 0) <> coalesce(open, 0)
