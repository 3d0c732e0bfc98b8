-- tx/mined-nonces
-- The nonces that a lane counts as consumed are those that its own inclusions consumed.
-- asks: main
SELECT 'lane ' || l.lane_id AS subject, 'nonces below ' || coalesce(p.mined_nonce::text, 'nothing') AS found,
  'nonces below ' || (l.first_nonce + coalesce(m.mined, 0)) AS expected
FROM lane l LEFT JOIN lane_progress p USING (lane_id) LEFT JOIN (
  SELECT a.lane_id, count(DISTINCT a.nonce) AS mined FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  GROUP BY 1) m USING (lane_id)
WHERE p.mined_nonce IS DISTINCT FROM l.first_nonce + coalesce(m.mined, 0)
