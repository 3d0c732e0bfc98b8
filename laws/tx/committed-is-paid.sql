-- tx/committed-is-paid
-- A withdrawal that was committed is paid on the canonical chain, at the level that its tier settles at; or two persons decided so, or it is about to be reversed.
-- asks: main
WITH paid AS (
  SELECT a.tx_id, i.block_number, h.safe, h.finalized FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id
  WHERE a.kind = 'effect' AND i.succeeded AND i.effect_ok
)
SELECT 'withdrawal ' || w.withdrawal_id AS subject,
  CASE WHEN p.tx_id IS NULL THEN 'no payment' ELSE 'paid in block ' || p.block_number || ', safe ' || p.safe || ', finalized ' || p.finalized END AS found,
  'paid, ' || coalesce(t.settle_at, 'safe') AS expected
FROM withdrawal w LEFT JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id LEFT JOIN paid p USING (tx_id)
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND w.status IN ('COMPLETED', 'RESETTLED')
  AND NOT EXISTS (SELECT 1 FROM reconciliation_break k JOIN break_action d USING (break_id) WHERE k.owner_id = w.withdrawal_id AND d.action = 'commit')
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = 'withdrawal.orphaned' AND j.subject_id = w.withdrawal_id)
  AND (p.tx_id IS NULL OR p.block_number > CASE t.settle_at WHEN 'safe' THEN p.safe ELSE p.finalized END)
