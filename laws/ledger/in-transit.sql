-- ledger/in-transit
-- What is in transit is the amount of the slots whose withdrawals are under way.
-- asks: main
WITH booked AS (
  SELECT tenant_id, asset, sum(balance) AS booked FROM ledger_account WHERE kind = 'in_transit' GROUP BY 1, 2
), moving AS (
  SELECT t.tenant_id, t.asset, sum(t.amount) AS moving
  FROM nonce_slot s JOIN tx t USING (tx_id) JOIN withdrawal w ON w.withdrawal_id = t.owner_id
  WHERE t.owner_kind = 'withdrawal' AND w.status IN ('EXECUTING', 'REVERSED') GROUP BY 1, 2
)
SELECT 'asset ' || asset || ' of tenant ' || tenant_id AS subject, coalesce(booked, 0) AS found, coalesce(moving, 0) AS expected
FROM booked FULL JOIN moving USING (tenant_id, asset)
WHERE coalesce(booked, 0) <> coalesce(moving, 0)
