-- ledger/gas-mined
-- The gas booked for a slot is what its final transaction paid, unless a declared reorg took that back since.
-- asks: main
SELECT 'slot ' || g.lane_id || ':' || g.nonce AS subject, g.gas_cost AS found, i.cost AS expected
FROM slot_gas g LEFT JOIN (
  SELECT a.lane_id, a.nonce, sum(i.gas_used * i.effective_gas_price) AS cost
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
  GROUP BY 1, 2) i USING (lane_id, nonce)
WHERE g.gas_cost IS DISTINCT FROM i.cost AND NOT EXISTS (
  SELECT 1 FROM nonce_slot s JOIN tx t USING (tx_id) WHERE s.lane_id = g.lane_id AND s.nonce = g.nonce AND t.reorgs > 0 AND t.furthest_level = 'finalized')
