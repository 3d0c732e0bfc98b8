-- tx/slots-contiguous
-- The slots of a lane are its nonces from the first to the one before next, each once, save those that were adopted as foreign.
-- asks: main
SELECT 'lane ' || l.lane_id AS subject,
  coalesce(s.slots, 0) || ' nonces from ' || coalesce(s.lowest::text, 'none') || ' to ' || coalesce(s.highest::text, 'none') AS found,
  (l.next_nonce - l.first_nonce) || ' nonces from ' || l.first_nonce || ' to ' || (l.next_nonce - 1) AS expected
FROM lane l LEFT JOIN (
  SELECT lane_id, count(DISTINCT nonce) AS slots, min(nonce) AS lowest, max(nonce) AS highest FROM (
    SELECT lane_id, nonce FROM nonce_slot
    UNION ALL SELECT lane_id, nonce FROM foreign_inclusion WHERE adopted_at IS NOT NULL) given GROUP BY lane_id) s USING (lane_id)
WHERE coalesce(s.slots, 0) <> l.next_nonce - l.first_nonce
  OR (s.slots > 0 AND (s.lowest <> l.first_nonce OR s.highest <> l.next_nonce - 1))
