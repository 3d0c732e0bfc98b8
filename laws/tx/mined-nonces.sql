-- tx/mined-nonces
-- The nonces that a lane counts as consumed are those that its own inclusions and known foreign ones consumed.
-- asks: main
SELECT 'lane ' || l.lane_id AS subject, 'nonces below ' || coalesce(p.mined_nonce::text, 'nothing') AS found,
  'nonces below ' || (l.first_nonce + coalesce(m.mined, 0)) AS expected
FROM lane l LEFT JOIN lane_progress p USING (lane_id) LEFT JOIN (
  SELECT u.lane_id, count(DISTINCT u.nonce) AS mined FROM (
    SELECT a.lane_id, a.nonce, i.chain_id, i.block_number, i.block_hash FROM attempt a JOIN inclusion i USING (attempt_id)
    UNION ALL SELECT lane_id, nonce, chain_id, block_number, block_hash FROM foreign_inclusion) u
  JOIN block b ON b.chain_id = u.chain_id AND b.height = u.block_number AND b.hash = u.block_hash
  GROUP BY 1) m USING (lane_id)
WHERE p.mined_nonce IS DISTINCT FROM l.first_nonce + coalesce(m.mined, 0)
