-- queue/withdrawals-move
-- Every open withdrawal has what takes its next step: a job, a person, or a tx under way.
-- asks: main
WITH paid AS (
  SELECT a.tx_id, min(i.block_number) AS height FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE a.kind = 'effect' AND i.effect_ok GROUP BY 1
), final AS (
  SELECT DISTINCT a.tx_id FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
), jobs AS (
  SELECT DISTINCT subject_id, CASE topic WHEN 'withdrawal.requested' THEN 'RESERVED' WHEN 'withdrawal.approved' THEN 'APPROVED' ELSE 'UNDER WAY' END AS status
  FROM job WHERE topic IN ('withdrawal.requested', 'withdrawal.approved', 'withdrawal.settle', 'withdrawal.final')
)
SELECT 'withdrawal ' || w.withdrawal_id AS subject, concat_ws(', ', w.status, 'tx ' || t.status, 'no job') AS found, 'a job for its next step' AS expected
FROM withdrawal w LEFT JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id
LEFT JOIN chain_head h ON h.chain_id = t.chain_id
LEFT JOIN paid p ON p.tx_id = t.tx_id
LEFT JOIN final f ON f.tx_id = t.tx_id
LEFT JOIN jobs j ON j.subject_id = w.withdrawal_id AND j.status = CASE WHEN w.status IN ('EXECUTING', 'REVERSED') THEN 'UNDER WAY' ELSE w.status END
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND w.status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING', 'REVERSED') AND j.subject_id IS NULL
  AND (w.status NOT IN ('EXECUTING', 'REVERSED') OR t.tx_id IS NULL
    -- An end that a declared reorg took back is told again.
    OR (t.status IN ('FINAL', 'REVERTED', 'REPLACED', 'CANCELLED') AND (t.reorgs = 0 OR f.tx_id IS NOT NULL))
    OR (w.status = 'EXECUTING' AND t.settle_at = 'safe' AND p.height <= h.safe))
