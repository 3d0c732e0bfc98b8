-- tx/mismatch-parked
-- What is final and not what was wanted has its break, open as long as its withdrawal is under way.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject, 'another effect in block ' || i.block_number || ', withdrawal ' || w.status || ', ' || CASE WHEN k.break_id IS NULL THEN 'no break' ELSE 'a resolved break' END AS found,
  'an open break' AS expected
FROM inclusion i JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
JOIN attempt a USING (attempt_id) JOIN tx t ON t.tx_id = a.tx_id JOIN withdrawal w ON w.withdrawal_id = t.owner_id
LEFT JOIN reconciliation_break k ON k.kind = 'effect_mismatch' AND k.subject_id = t.tx_id
WHERE a.kind = 'effect' AND i.succeeded AND NOT i.effect_ok AND t.owner_kind = 'withdrawal' AND t.tx_id >= ($1::jsonb ->> 'since')::uuid
  AND (k.break_id IS NULL OR (k.resolved_at IS NOT NULL AND w.status IN ('EXECUTING', 'REVERSED')))
