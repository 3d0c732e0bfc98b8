-- ledger/stretches-linked
-- A stretch of a lane begins where the one before ended, and ends with what that held, less gas and what its slots sent, and what arrived.
-- asks: main
WITH linked AS (
  SELECT s.*, lag(up_to_block) OVER before AS before_block, lag(to_nonce) OVER before AS before_nonce,
    lag(native_balance) OVER before - gas_cost - sent + arrived AS ends
  FROM lane_stretch s WINDOW before AS (PARTITION BY lane_id ORDER BY up_to_block)
), paid AS (
  SELECT a.lane_id, sum(t.amount) AS sent
  FROM attempt a JOIN tx t USING (tx_id) JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN (SELECT lane_id, max(to_nonce) AS to_nonce FROM lane_stretch GROUP BY 1) s ON s.lane_id = a.lane_id AND a.nonce < s.to_nonce
  WHERE a.kind = 'effect' AND t.token IS NULL AND i.succeeded GROUP BY 1
)
SELECT 'lane ' || lane_id || ' up to block ' || up_to_block AS subject,
  concat_ws(', ', 'above block ' || above_block, 'from nonce ' || from_nonce, 'ends with ' || native_balance) AS found,
  concat_ws(', ', 'above block ' || before_block, 'from nonce ' || coalesce(before_nonce, first_nonce), 'ends with ' || ends) AS expected
FROM linked JOIN lane USING (lane_id)
WHERE above_block IS DISTINCT FROM before_block OR from_nonce <> coalesce(before_nonce, first_nonce) OR native_balance <> ends
UNION ALL
SELECT 'lane ' || s.lane_id, s.sent || ' sent by its stretches', coalesce(p.sent, 0) || ' sent by its slots'
FROM (SELECT lane_id, sum(sent) AS sent FROM lane_stretch GROUP BY 1) s LEFT JOIN paid p USING (lane_id)
WHERE s.sent <> coalesce(p.sent, 0)
