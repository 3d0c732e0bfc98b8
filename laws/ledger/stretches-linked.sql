-- ledger/stretches-linked
-- A stretch of a lane begins where the one before ended, and ends with what that held, less gas and what its slots sent, and what its own wallets sent it, and what arrived.
-- asks: main
WITH linked AS (
  SELECT s.*, lag(up_to_block) OVER before AS before_block, lag(to_nonce) OVER before AS before_nonce,
    lag(native_balance) OVER before - gas_cost - sent + received + arrived AS ends
  FROM lane_stretch s WINDOW before AS (PARTITION BY lane_id ORDER BY up_to_block)
), coin AS (
  -- Native amounts that effects moved.
  SELECT a.lane_id, a.nonce, i.block_number, t.to_lane, t.amount
  FROM attempt a JOIN tx t USING (tx_id) JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE a.kind = 'effect' AND t.token IS NULL AND i.succeeded
  -- And what two persons took for the payment of a slot.
  UNION ALL
  SELECT x.lane_id, x.nonce, x.block_number, NULL, t.amount
  FROM foreign_inclusion x JOIN nonce_slot s USING (lane_id, nonce) JOIN tx t ON t.tx_id = s.tx_id AND t.token IS NULL
  JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash
  WHERE x.paid
), whole AS (
  SELECT lane_id, min(up_to_block) AS above, max(up_to_block) AS up_to, max(to_nonce) AS to_nonce, sum(sent) AS sent, sum(received) AS received
  FROM lane_stretch GROUP BY 1
)
SELECT 'lane ' || lane_id || ' up to block ' || up_to_block AS subject,
  concat_ws(', ', 'above block ' || above_block, 'from nonce ' || from_nonce, 'ends with ' || native_balance) AS found,
  concat_ws(', ', 'above block ' || before_block, 'from nonce ' || coalesce(before_nonce, first_nonce), 'ends with ' || ends) AS expected
FROM linked JOIN lane USING (lane_id)
WHERE above_block IS DISTINCT FROM before_block OR from_nonce <> coalesce(before_nonce, first_nonce) OR native_balance <> ends
UNION ALL
SELECT 'lane ' || w.lane_id, w.sent || ' sent by its stretches', coalesce(p.sent, 0) || ' sent by its slots'
FROM whole w LEFT JOIN (
  SELECT c.lane_id, sum(amount) AS sent FROM coin c JOIN whole USING (lane_id) WHERE c.nonce < whole.to_nonce GROUP BY 1) p USING (lane_id)
WHERE w.sent <> coalesce(p.sent, 0)
UNION ALL
SELECT 'lane ' || w.lane_id, w.received || ' received by its stretches', coalesce(p.received, 0) || ' sent to it by own wallets'
FROM whole w LEFT JOIN (
  SELECT c.to_lane AS lane_id, sum(amount) AS received FROM coin c JOIN whole ON whole.lane_id = c.to_lane
  WHERE c.block_number > whole.above AND c.block_number <= whole.up_to GROUP BY 1) p USING (lane_id)
WHERE w.received <> coalesce(p.received, 0)
