-- tx/released-is-unpaid
-- What was released is not paid on the canonical chain, or a break says so.
-- asks: main
WITH paid AS (
  SELECT a.tx_id, i.block_number, h.safe, h.finalized FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id
  WHERE a.kind = 'effect' AND i.succeeded AND i.effect_ok
)
SELECT 'withdrawal ' || w.withdrawal_id AS subject, w.status || ' and paid in block ' || p.block_number AS found, 'no payment' AS expected
FROM withdrawal w JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id JOIN paid p USING (tx_id)
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND w.status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED')
  AND NOT EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.kind = 'paid_after_release' AND k.owner_id = w.withdrawal_id)
