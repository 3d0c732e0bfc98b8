-- chain/lane-nonces
-- As of the finalized block the chain has consumed the nonces of a lane that the books hold as mined or foreign by then.
-- asks: balances
SELECT 'lane ' || l.lane_id AS subject, 'nonces below ' || (l.first_nonce + coalesce(m.mined, 0)) AS found, 'nonces below ' || f.count AS expected
FROM jsonb_to_recordset($1::jsonb -> 'lanes') AS f(address bytea, count bigint)
JOIN lane l ON l.chain_id = ($1::jsonb ->> 'chain')::bigint AND l.address = f.address
LEFT JOIN (
  SELECT u.lane_id, count(DISTINCT u.nonce) AS mined FROM (
    SELECT a.lane_id, a.nonce, i.chain_id, i.block_number, i.block_hash FROM attempt a JOIN inclusion i USING (attempt_id)
    UNION ALL SELECT lane_id, nonce, chain_id, block_number, block_hash FROM foreign_inclusion) u
  JOIN block b ON b.chain_id = u.chain_id AND b.height = u.block_number AND b.hash = u.block_hash
  WHERE u.block_number <= ($1::jsonb ->> 'finalized')::bigint GROUP BY 1) m USING (lane_id)
-- Adopted after that block, a lane stands at more nonces than the chain had consumed by then.
WHERE f.count <> l.first_nonce + coalesce(m.mined, 0) AND NOT (m.mined IS NULL AND f.count < l.first_nonce)
