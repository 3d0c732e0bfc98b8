-- tx/orphans-remembered
-- An inclusion that left the canonical chain was counted as a reorg of its tx, with how far the tx had come.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject, t.reorgs || ' reorgs, furthest ' || t.furthest_level AS found,
  CASE WHEN o.tx_id IS NULL THEN 'both or neither' ELSE 'a reorg: block ' || o.height || ' is not canonical' END AS expected
FROM tx t LEFT JOIN (
  SELECT a.tx_id, min(i.block_number) AS height FROM inclusion i JOIN attempt a USING (attempt_id)
  LEFT JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE b.height IS NULL GROUP BY 1) o USING (tx_id)
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND ((o.tx_id IS NOT NULL AND t.reorgs = 0) OR (t.reorgs > 0) <> (t.furthest_level <> 'none'))
