-- ledger/in-transit
-- What is in transit is the amount of the slots whose withdrawals, top-ups and sweeps are under way.
-- asks: main
WITH booked AS (
  SELECT tenant_id, asset, sum(balance) AS booked FROM ledger_account WHERE kind = 'in_transit' GROUP BY 1, 2
), moving AS (
  SELECT t.tenant_id, t.asset, sum(t.amount) AS moving
  FROM nonce_slot s JOIN tx t USING (tx_id) LEFT JOIN withdrawal w ON t.owner_kind = 'withdrawal' AND w.withdrawal_id = t.owner_id
  LEFT JOIN treasury_move m ON t.owner_kind = m.kind AND m.move_id = t.owner_id
  WHERE w.status IN ('EXECUTING', 'REVERSED') OR (m.move_id IS NOT NULL AND m.outcome IS NULL) GROUP BY 1, 2
)
SELECT 'asset ' || asset || ' of tenant ' || tenant_id AS subject, coalesce(booked, 0) AS found, coalesce(moving, 0) AS expected
FROM booked FULL JOIN moving USING (tenant_id, asset)
WHERE coalesce(booked, 0) <> coalesce(moving, 0)
