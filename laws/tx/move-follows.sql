-- tx/move-follows
-- A top-up or sweep arrived if and only if its tx is final and paid, and is unpaid only where that ended otherwise; or two persons decided so.
-- asks: main
SELECT 'move ' || m.move_id AS subject, m.kind || ' ' || m.outcome || ' with tx ' || t.status AS found,
  CASE m.outcome WHEN 'arrived' THEN 'FINAL' ELSE 'REVERTED, REPLACED or CANCELLED' END AS expected
FROM treasury_move m JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id
WHERE m.move_id >= ($1::jsonb ->> 'since')::uuid AND m.outcome IS NOT NULL
  AND CASE m.outcome WHEN 'arrived' THEN t.status <> 'FINAL' ELSE t.status NOT IN ('REVERTED', 'REPLACED', 'CANCELLED') END
  AND NOT EXISTS (SELECT 1 FROM reconciliation_break k JOIN break_action d USING (break_id) WHERE k.owner_id = m.move_id
    AND d.action = CASE m.outcome WHEN 'arrived' THEN 'commit' ELSE 'release' END)
