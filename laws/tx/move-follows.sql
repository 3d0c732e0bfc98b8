-- tx/move-follows
-- A top-up or sweep arrived if and only if its tx is final and paid, and is unpaid only where that ended otherwise.
-- asks: main
SELECT 'move ' || m.move_id AS subject, m.kind || ' ' || m.outcome || ' with tx ' || t.status AS found,
  CASE m.outcome WHEN 'arrived' THEN 'FINAL' ELSE 'REVERTED, REPLACED or CANCELLED' END AS expected
FROM treasury_move m JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id
WHERE m.move_id >= ($1::jsonb ->> 'since')::uuid AND m.outcome IS NOT NULL
  AND CASE m.outcome WHEN 'arrived' THEN t.status <> 'FINAL' ELSE t.status NOT IN ('REVERTED', 'REPLACED', 'CANCELLED') END
