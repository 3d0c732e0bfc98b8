-- queue/moves-move
-- Every top-up or sweep under way has a tx under way, or the job that ends it.
-- asks: main
SELECT 'move ' || m.move_id AS subject, m.kind || ' under way with tx ' || t.status || ', no job' AS found, 'a job ' || m.kind || '.final' AS expected
FROM treasury_move m JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id
WHERE m.move_id >= ($1::jsonb ->> 'since')::uuid AND m.outcome IS NULL AND t.status IN ('FINAL', 'REVERTED', 'REPLACED', 'CANCELLED')
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = m.kind || '.final' AND j.subject_id = m.move_id)
