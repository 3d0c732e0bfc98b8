-- tx/end-final
-- A tx that ended on chain has a final inclusion that shows this end (paid, reverted, filled, its nonce used by another), or a declared reorg took that back and it has none yet.
-- asks: main
WITH final AS (
  SELECT a.tx_id, CASE WHEN a.kind = 'filler' THEN 'CANCELLED' WHEN NOT i.succeeded THEN 'REVERTED' WHEN i.effect_ok THEN 'FINAL' ELSE 'another effect' END AS shows
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
  UNION ALL
  SELECT s.tx_id, 'REPLACED' FROM foreign_inclusion x JOIN nonce_slot s USING (lane_id, nonce)
  JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash
  JOIN chain_head h ON h.chain_id = x.chain_id AND x.block_number <= h.finalized
  -- What may have paid stays open until two persons have decided; so does what is not signed yet.
  JOIN tx ended ON ended.tx_id = s.tx_id AND ended.status <> 'SLOTTED' WHERE NOT x.pays_intent OR x.paid IS NOT NULL
)
SELECT 'tx ' || t.tx_id AS subject, t.status AS found, coalesce(f.shows, 'no final inclusion') AS expected
FROM tx t LEFT JOIN nonce_slot s USING (tx_id) LEFT JOIN final f USING (tx_id)
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND CASE WHEN t.status IN ('FINAL', 'REVERTED', 'REPLACED') OR (t.status = 'CANCELLED' AND s.tx_id IS NOT NULL)
  THEN f.shows IS DISTINCT FROM t.status AND NOT (f.shows IS NULL AND t.reorgs > 0 AND t.furthest_level = 'finalized')
    AND NOT (f.shows = 'another effect' AND t.reorgs > 0)
    -- The use by another stood above the block from which persons let the chain go on.
    AND NOT (f.shows IS NULL AND t.status = 'REPLACED' AND EXISTS (SELECT 1 FROM foreign_inclusion x
      JOIN chain_resume r ON r.chain_id = x.chain_id AND r.fork < x.block_number WHERE x.lane_id = s.lane_id AND x.nonce = s.nonce))
  ELSE f.shows IS NOT NULL AND f.shows <> 'another effect' END
