-- ledger/gas-mined
-- The gas booked for a slot is what its final transaction paid, nothing where another's used its nonce.
-- asks: main
SELECT 'slot ' || g.lane_id || ':' || g.nonce AS subject, g.gas_cost AS found, i.cost AS expected
FROM slot_gas g LEFT JOIN (
  SELECT a.lane_id, a.nonce, sum(i.gas_used * i.effective_gas_price) AS cost
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
  GROUP BY 1, 2
  UNION ALL
  SELECT x.lane_id, x.nonce, 0 FROM foreign_inclusion x
  JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash) i USING (lane_id, nonce)
WHERE g.gas_cost IS DISTINCT FROM i.cost
