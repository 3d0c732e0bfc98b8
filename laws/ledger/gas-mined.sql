-- ledger/gas-mined
-- What a stretch books as gas its final transactions can have paid; where only receipts could say it, they paid no less; a declared reorg may have taken that back since.
-- asks: main
WITH mined AS (
  SELECT a.lane_id, a.nonce, i.block_number,
    coalesce(i.gas_used * i.effective_gas_price, 21000 * f.price) AS least, coalesce(i.gas_used * i.effective_gas_price, r.gas_limit * f.price) AS most
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN signature_request r ON r.signature_request_id = a.attempt_id
  CROSS JOIN LATERAL (SELECT least(a.max_fee_per_gas, b.base_fee_per_gas + a.max_priority_fee_per_gas) AS price) f
), placed AS (
  -- Each in the stretch that began last before it.
  SELECT lane_id, nonce, block_number, least, most, max(up_to_block) OVER begun AS up_to_block, max(to_nonce) OVER begun AS to_nonce
  FROM (SELECT lane_id, from_nonce AS nonce, up_to_block, to_nonce, NULL::bigint AS block_number, NULL::numeric AS least, NULL::numeric AS most
      FROM lane_stretch WHERE to_nonce > from_nonce
    UNION ALL SELECT lane_id, nonce, NULL, NULL, block_number, least, most FROM mined) marks
  WINDOW begun AS (PARTITION BY lane_id ORDER BY nonce, least NULLS FIRST)
), bounds AS (
  SELECT lane_id, up_to_block, sum(least) AS least, sum(most) AS most
  FROM placed WHERE nonce < to_nonce AND block_number <= up_to_block GROUP BY 1, 2
), stretches AS (
  SELECT *, coalesce(max(from_nonce) FILTER (WHERE to_nonce > from_nonce) OVER (
    PARTITION BY lane_id ORDER BY up_to_block ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), from_nonce) AS since_nonce
  FROM lane_stretch
)
SELECT 'lane ' || s.lane_id || ' up to block ' || s.up_to_block AS subject, s.gas_cost || ' by ' || s.gas_by AS found,
  coalesce(b.least, 0) || CASE s.gas_by WHEN 'balance' THEN ' to ' || coalesce(b.most, 0) ELSE ' or more' END AS expected
FROM stretches s LEFT JOIN bounds b USING (lane_id, up_to_block)
WHERE (s.gas_cost < coalesce(b.least, 0) OR s.gas_by = 'balance' AND s.gas_cost > coalesce(b.most, 0))
  -- What was mined again paid another price; the next stretch has the difference.
  AND NOT EXISTS (SELECT 1 FROM nonce_slot n JOIN tx t USING (tx_id) WHERE n.lane_id = s.lane_id
    AND n.nonce >= s.since_nonce AND n.nonce < s.to_nonce AND t.reorgs > 0 AND t.furthest_level = 'finalized')
