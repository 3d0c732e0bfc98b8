-- tx/one-inclusion
-- Of all attempts of a slot at most one stands in the canonical chain, and every inclusion is of an attempt.
-- asks: main
SELECT 'slot ' || a.lane_id || ':' || a.nonce AS subject, count(*) || ' canonical inclusions' AS found, 'at most one' AS expected
FROM inclusion i JOIN attempt a USING (attempt_id)
JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
GROUP BY a.lane_id, a.nonce HAVING count(*) > 1
UNION ALL
SELECT 'inclusion of attempt ' || i.attempt_id, 'no attempt', 'an attempt'
FROM inclusion i LEFT JOIN attempt a USING (attempt_id) WHERE a.attempt_id IS NULL
